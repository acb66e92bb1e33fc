// P18: how much of BLAKE3's own speed is left when bytes in memory are cut into chunks. One process measures both.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bin } from './contestants.mjs';

const SCRIPT = fileURLToPath(new URL('chunking-client.mjs', import.meta.url));

/** They bring their samples with them. */
export function chunkers({ sizes, samples, env, work, version }) {
  const command = [process.execPath, SCRIPT, dirname(bin), String(sizes.memory), String(samples)];
  const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { cwd: work, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`not done: chunks in memory: ${stderr.slice(-600)}`);
  const measured = JSON.parse(stdout);
  const one = (name, samplesMs) => ({
    name,
    version,
    command,
    cwd: work,
    outputs: [],
    samplesMs,
    proven: 'the digest',
  });
  return [
    one('stepaside', measured.samples.fixed),
    one('BLAKE3 alone', measured.samples.blake3),
    { name: 'stepaside, content-defined', missing: 'format v1 has fixed chunks and no others' },
  ];
}

// P19: a plan of many steps, and of ten times as many. The kernel says how much memory the process had at most.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from './peers.mjs';

/** A tenth of them is the peer. */
export function planContestants(work, { steps, command, version, env }) {
  const time = onPath('time', env.PATH);
  const large = 100 * steps;
  const all = [
    { name: 'stepaside', count: large },
    { name: 'a tenth of the steps', count: large / 10 },
  ];
  if (!time) return all.map(({ name }) => ({ name, missing: 'GNU time is not on PATH (apt-get install time)' }));
  return all.map(({ name, count }) => planOf(join(work, `plan-${count}`), { name, count, time, command, version }));
}

function planOf(cwd, { name, count, time, command, version }) {
  const memory = join(cwd, 'memory');
  return {
    name,
    version,
    command: [time, '-a', '-o', memory, '-f', '%M', command, 'plan'],
    cwd,
    outputs: [],
    proof: (text) => text.includes(`Plan: ${count} to run, 0 avoided`),
    proven: `Plan: ${count} to run`,
    count,
    /** The most of any sample: a peak that is not always reached is a peak. */
    peakMiB: () => Math.max(...readFileSync(memory, 'utf8').trim().split('\n').map(Number)) / 1024,
    prepare() {
      mkdirSync(cwd, { recursive: true });
      writeFileSync(join(cwd, 'in.txt'), 'input\n');
      writeFileSync(
        join(cwd, 'stepaside.yaml'),
        `apiVersion: stepaside/v1
kind: Workflow
name: many
steps:
  - name: part
    forEach: { i: { from: 1, to: ${count} } }
    run: [cp, in.txt, "out/{{each.i}}.txt"]
    inputs: { files: [in.txt] }
    outputs: [{ path: "out/{{each.i}}.txt", atomic: true }]
`,
      );
      return [command, 'validate'];
    },
  };
}

/** LIMITS: 60 MiB, and 1 KiB for each step. */
export function memoryGoal([own]) {
  const peak = own.missing ? undefined : Math.round(own.peakMiB());
  const limit = own.missing ? 60 : Math.floor(60 + own.count / 1024);
  return { against: 'MiB at most', limit, ratio: peak ?? null, met: peak !== undefined && peak <= limit };
}

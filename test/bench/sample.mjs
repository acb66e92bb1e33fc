// Samples: everyone in turns, wall time from outside, the rest by the kernel's own account, and nothing without a proof.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint } from './contestants.mjs';
import { onPath } from './peers.mjs';

/**
 * One round is one sample of everyone, begun by another each time; the first round warms up and is not kept. Of those who
 * do work each time (they have a `reset`) it is the trial as well: a peer that cannot do it once is not shown.
 */
export function interleave(all, { rounds, work, env, say }) {
  const there = () => all.filter(({ missing }) => !missing);
  const before = new Map(there().map((one) => [one, fingerprint(one)]));
  const time = onPath('time', env.PATH);
  for (const one of there()) Object.assign(one, { samplesMs: [], cpuS: [], peakMiB: [] });
  for (let round = -1; round < rounds; round += 1) {
    const present = there();
    say(round < 0 ? `warm-up of ${present.map(({ name }) => name).join(', ')}` : `round ${round + 1} of ${rounds}`);
    for (let i = 0; i < present.length; i += 1) {
      const one = present[(i + round + 1) % present.length];
      let took;
      try {
        took = sample(one, { work, env, time });
      } catch (error) {
        if (round >= 0 || !one.reset || one.ours) throw error;
        one.missing = error.message.replaceAll('\n', ' ');
        say(`NOT SHOWN ${one.name}: ${one.missing}`);
        continue;
      }
      if (round < 0) continue;
      one.samplesMs.push(took.ms);
      if (took.cpuS === undefined) continue;
      one.cpuS.push(took.cpuS);
      one.peakMiB.push(took.peakMiB);
    }
  }
  const touched = there().filter((one) => !one.reset && !one.rewrites && fingerprint(one) !== before.get(one));
  if (touched.length > 0) throw new Error(`no no-op: ${touched.map(({ name }) => name).join(', ')} touched an output`);
}

/** From before the start until the exit was seen. What it prints goes to a file: nobody waits for a reader. */
function sample(one, { work, env, time }) {
  const { name, command, cwd, env: own } = one;
  one.reset?.();
  one.warm?.();
  // What others wrote must not be on its way to the disk while this one is measured.
  if (one.reset) spawnSync('sync', ['-f', work], { env });
  const [said, costs] = [join(work, 'said'), join(work, 'costs')];
  const fd = openSync(said, 'w');
  const counted = one.resources && time !== undefined;
  const words = counted ? [time, '-o', costs, '-f', '%U %S %M', ...command] : command;
  const options = { cwd, env: { ...env, ...own }, stdio: ['ignore', fd, fd] };
  const begun = process.hrtime.bigint();
  const { status, signal, error } = spawnSync(words[0], words.slice(1), options);
  const ms = Number(process.hrtime.bigint() - begun) / 1e6;
  closeSync(fd);
  if (error) throw new Error(`${name} cannot be started: ${error.message}`);
  const text = readFileSync(said, 'utf8');
  const why = status === 0 ? unproven(one, text) : '';
  if (why !== undefined) {
    const what = one.reset ? 'not done' : 'no no-op';
    throw new Error(`${what}: ${name} ended with ${status ?? signal}${why} and said: ${text.slice(-600)}`);
  }
  one.clear?.();
  return { ms, ...(counted && costsIn(readFileSync(costs, 'utf8'))) };
}

/** Nothing if it is proven, else what there is to say. */
function unproven({ proof }, text) {
  try {
    return proof(text) ? undefined : '';
  } catch (error) {
    return `, ${error.message}`;
  }
}

/**
 * GNU time's line, of the process and of all that it waited for. It must be GNU time that starts them: what Node starts
 * inherits the peak of Node itself.
 */
function costsIn(text) {
  const [user, system, kibibytes] = text.trim().split('\n').at(-1).split(' ').map(Number);
  return { cpuS: Math.round((user + system) * 100) / 100, peakMiB: kibibytes / 1024 };
}

// What is measured together, in the order of LIMITS.md: who takes part, and in how many rounds.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DISK_GROUPS } from './artifacts.mjs';
import { S3_GROUPS } from './artifacts-s3.mjs';
import { chunkers } from './chunking.mjs';
import { LOCAL_GROUPS, prepare } from './contestants.mjs';
import { OPERATIONS } from './goals.mjs';
import { fillS3, requestsOf, s3Contestants, startS3 } from './s3.mjs';
import { interleave } from './sample.mjs';
import { planContestants } from './scale.mjs';
import { pause } from './sources.mjs';

/** P3 and P4 are a matter of milliseconds. */
export const MORE_ROUNDS = 3;
const OFTEN = ['P3', 'P4'];
/** Their outputs have the stamps of this moment, which nobody believes. */
const JUST_MADE = ['P1', 'P3', 'P7'];

const look = (id) => async (about) => s3Contestants(await about.looks(), { ...about, cwd: about.work })[id];

const GROUPS = {
  ...LOCAL_GROUPS,
  P4: look('p4'),
  P5: look('p5'),
  P6: look('p6'),
  ...DISK_GROUPS,
  ...S3_GROUPS,
  P18: chunkers,
  P19: (about) => planContestants(about.work, about),
};

/** The groups that any wanted operation is of, as they stand in goals.mjs. */
export function groupsFor(wanted) {
  return [
    ...new Set(
      Object.entries(OPERATIONS)
        .filter(([id]) => wanted(id))
        .map(([id, { of = id }]) => of),
    ),
  ];
}

/** Who was measured, by group. */
export async function measureGroups(ids, about) {
  const servers = [];
  const serve = (folder) => async () => {
    const server = await startS3(folder, about.env);
    servers.push(server);
    return server;
  };
  const disk = join(about.work, 's3');
  const all = {
    ...about,
    // Both only if somebody asks, and once.
    looks: once(async () => fillS3(await serve(disk)(), { ...about, folder: disk })),
    s3: once(serve(join(about.memory.folder ?? about.work, 's3 of artifacts'))),
  };
  try {
    const sides = {};
    for (const id of ids) sides[id] = await measureGroup(id, all);
    return sides;
  } finally {
    for (const server of servers) server.stop();
  }
}

async function measureGroup(id, about) {
  const { work, memory, env, samples, say } = about;
  say(id);
  const folders = [work, memory.folder].filter(Boolean).map((folder) => join(folder, id));
  try {
    const made = await GROUPS[id](about);
    if (made.some(({ samplesMs }) => samplesMs)) return made;
    const sides = made.map((one) => ready(one, about));
    if (JUST_MADE.includes(id)) pause(3000);
    interleave(sides, { rounds: OFTEN.includes(id) ? samples * MORE_ROUNDS : samples, work, env, say });
    if (id === 'P5' && !sides[0].missing) sides[0].requests = requestsOf(sides[0], env);
    // What follows takes long and may fail: this much is known by then.
    for (const { name, missing, samplesMs } of sides)
      if (!missing) say(`${id}  ${name}: ${samplesMs.map((ms) => ms.toFixed(1)).join(' ')} ms`);
    return sides;
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

function ready(one, { env, say }) {
  if (one.prepare && !one.missing) say(`first run of ${one.name}`);
  const prepared = prepare(one, env);
  // Whatever shares another's folder is not there if that could not be made ready.
  const missing =
    prepared.missing ?? (prepared.outputs.every((path) => existsSync(path)) ? undefined : 'its first run failed');
  if (missing) say(`NOT SHOWN ${one.name}: ${missing}`);
  if (missing && !one.missing && one.ours) throw new Error(`${one.name}: ${missing}`);
  return missing ? { name: one.name, missing } : prepared;
}

function once(act) {
  let made;
  return () => {
    made ??= act();
    return made;
  };
}

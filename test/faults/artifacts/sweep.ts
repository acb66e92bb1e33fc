import { randomBytes } from 'node:crypto';
import { randomFrom, shuffled } from '../../conformance/random.js';
import { ownBuild } from '../../rig/own-build.js';
import { sdkMakeBucket } from '../../rig/sdk.js';
import { strace } from '../../rig/strace.js';
import type { CampaignOptions, Found, Tally } from '../campaign.js';
import { type Call, callsIn, type Injection, LITTER_A_FAULT, type Ran } from '../run-under.js';
import { SCENES, type Scene, type Staged } from './scenes.js';
import type { Tools } from './shop.js';

/** A look at what a scene calls pays for so many. */
const LEAST_A_SCENE = 4;
const LANES = 4;

/** What is done to the command, and how it may end then. */
export interface Faults {
  readonly calls: readonly string[];
  /** Those that change something are met before one that does not. */
  readonly plan: (calls: readonly Call[]) => readonly Injection[];
  /** Whether the fault was really done, in the scene's folder or at its connections. */
  readonly isHit: (ran: Ran, folder: string) => boolean;
  readonly judgeRan: (ran: Ran) => readonly string[];
  readonly onlyFolders?: boolean;
}

/**
 * The real command meets faults at each system call of put, restore and gc. What was promised is whole afterwards, by a
 * reader that shares no line with ours, and whoever comes next succeeds.
 */
export async function sweepArtifacts({ points, seed, server }: CampaignOptions, faults: Faults): Promise<Tally> {
  const random = randomFrom(seed);
  const found: Found = { ...{ points: 0, injected: 0, wrong: 0, lost: 0 }, examples: [], byScene: {} };
  const program = await strace();
  const built = await ownBuild(__SABOTAGE__);
  const bucket = `artifacts-${randomBytes(5).toString('hex')}`;
  const tools: Tools = { cli: built.cli, strace: program, server, bucket };
  try {
    await sdkMakeBucket(server, bucket);
    const scenes = SCENES.filter(({ onS3, placeOnS3 }) => !faults.onlyFolders || !(onS3 || placeOnS3));
    const waiting = shuffled(scenes, random).slice(0, Math.max(1, Math.floor(points / LEAST_A_SCENE)));
    const each = Math.ceil(points / waiting.length);
    const lane = async () => {
      for (let scene = waiting.shift(); scene; scene = waiting.shift())
        await play(scene, tools, { faults, random, most: each }, found);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    built.remove();
  }
  return { ...found, examples: found.examples.slice(0, 12) };
}

interface Share {
  readonly faults: Faults;
  readonly random: () => number;
  readonly most: number;
}

async function play(scene: Scene, tools: Tools, { faults, random, most }: Share, found: Found): Promise<void> {
  const name = `${scene.name} ${scene.onS3 ? 's3' : 'fs'}`;
  let staged = await scene.open(tools);
  try {
    await staged.ready(0);
    const watched = await staged.shop.run(staged.words, { watch: faults.calls.join(',') });
    if (watched.code !== 0) throw new Error(`${name} does not run: ${watched.code} ${watched.stderr}${watched.stdout}`);
    staged.told?.(watched);
    const planned = shuffled(faults.plan(callsIn(watched.trace, staged.shop.folder)), random);
    const chosen = planned.sort((a, b) => Number(b.telling ?? false) - Number(a.telling ?? false)).slice(0, most);
    for (const [round, injection] of chosen.entries()) {
      const before = found.wrong + found.lost;
      await onePoint(staged, injection, { faults, name, round: round + 1 }, found);
      // What one point broke is not told of the next ones.
      if (found.wrong + found.lost > before) {
        staged.shop.close();
        staged = await scene.open(tools);
      }
    }
  } finally {
    staged.shop.close();
  }
}

async function onePoint(
  staged: Staged,
  inject: Injection,
  { faults, name, round }: { readonly faults: Faults; readonly name: string; readonly round: number },
  found: Found,
): Promise<void> {
  const { shop, words, ready, told, judge, next = words } = staged;
  await ready(round);
  const ran = await shop.run(words, { inject });
  const line = ran.trace.split('\n').find((one) => one.includes('(INJECTED)')) ?? '';
  const bad = (what: string) => {
    if (what.startsWith('lost')) found.lost += 1;
    else found.wrong += 1;
    found.examples.push(`${name} ${inject.call}#${inject.at} ${line.slice(0, 200)}: ${what}`);
  };
  found.points += 1;
  if (ran.hung) bad('it hangs');
  else if (faults.isHit(ran, shop.folder)) {
    found.injected += 1;
    found.byScene[name] = (found.byScene[name] ?? 0) + 1;
    for (const what of faults.judgeRan(ran)) bad(what);
  }
  told?.(ran);
  // Who says that it is done has done it.
  for (const what of await judge(ran.code === 0)) bad(what);
  const after = await shop.run(next);
  if (after.hung || after.code !== 0)
    bad(`whoever came next ended with ${after.code}${after.hung ? ', hanging' : ''}: ${after.stderr.slice(-500)}`);
  told?.(after);
  for (const what of await judge(true)) bad(what);
  if (shop.litter() > LITTER_A_FAULT * shop.suffered)
    bad(`${shop.litter()} temporary files after ${shop.suffered} faults`);
}

import { randomBytes } from 'node:crypto';
import { randomFrom, shuffled } from '../conformance/random.js';
import { ownBuild } from '../rig/own-build.js';
import { sdkMakeBucket } from '../rig/sdk.js';
import { strace } from '../rig/strace.js';
import { SCENES, type Scene, type Staged } from './artifacts/scenes.js';
import type { Tools } from './artifacts/shop.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { CALLS, callsIn, type Injection, killsIn, LITTER_A_FAULT } from './run-under.js';

/** The long form: kills. */
export const points = 2_000;

/** A look at what a scene calls pays for so many. */
const LEAST_A_SCENE = 4;
const LANES = 4;

interface Found {
  points: number;
  injected: number;
  wrong: number;
  lost: number;
  readonly examples: string[];
  readonly byScene: Record<string, number>;
}

/**
 * F1 of LIMITS for artifacts: the real command is killed at each system call of put, restore and gc, in a folder and on
 * S3. What was promised is whole afterwards, by a reader that shares no line with ours, and whoever comes next succeeds.
 */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found: Found = { ...{ points: 0, injected: 0, wrong: 0, lost: 0 }, examples: [], byScene: {} };
  const program = await strace();
  const built = await ownBuild(__SABOTAGE__);
  const bucket = `artifacts-${randomBytes(5).toString('hex')}`;
  const tools: Tools = { cli: built.cli, strace: program, server, bucket };
  try {
    await sdkMakeBucket(server, bucket);
    const waiting = shuffled(SCENES, random).slice(0, Math.max(1, Math.floor(points / LEAST_A_SCENE)));
    const each = Math.ceil(points / waiting.length);
    const lane = async () => {
      for (let scene = waiting.shift(); scene; scene = waiting.shift())
        await play(scene, tools, { random, most: each }, found);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    built.remove();
  }
  return { ...found, examples: found.examples.slice(0, 12) };
}

interface Share {
  readonly random: () => number;
  readonly most: number;
}

async function play(scene: Scene, tools: Tools, { random, most }: Share, found: Found): Promise<void> {
  const name = `${scene.name} ${scene.onS3 ? 's3' : 'fs'}`;
  let staged = await scene.open(tools);
  try {
    await staged.ready(0);
    const watched = await staged.shop.run(staged.words, { watch: CALLS.join(',') });
    if (watched.code !== 0) throw new Error(`${name} does not run: ${watched.code} ${watched.stderr}${watched.stdout}`);
    staged.told?.(watched);
    const kills = shuffled(killsIn(callsIn(watched.trace, staged.shop.folder)), random);
    // All that change something are met before one that does not.
    const chosen = kills.sort((a, b) => Number(b.telling ?? false) - Number(a.telling ?? false)).slice(0, most);
    for (const [round, kill] of chosen.entries()) {
      const before = found.wrong + found.lost;
      await onePoint(staged, kill, { name, round: round + 1 }, found);
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
  kill: Injection,
  { name, round }: { readonly name: string; readonly round: number },
  found: Found,
): Promise<void> {
  const { shop, words, ready, told, judge, next = words } = staged;
  await ready(round);
  const killed = await shop.run(words, { inject: kill });
  const line = killed.trace.split('\n').find((one) => one.includes('(INJECTED)')) ?? '';
  const bad = (what: string) => {
    if (what.startsWith('lost')) found.lost += 1;
    else found.wrong += 1;
    found.examples.push(`${name} ${kill.call}#${kill.at} ${line.slice(0, 200)}: ${what}`);
  };
  found.points += 1;
  if (killed.hung) bad('it hangs');
  if (killed.signal === 'SIGKILL' && !killed.hung) {
    found.injected += 1;
    found.byScene[name] = (found.byScene[name] ?? 0) + 1;
  }
  told?.(killed);
  for (const what of await judge(false)) bad(what);
  const after = await shop.run(next);
  if (after.hung || after.code !== 0)
    bad(`whoever came next ended with ${after.code}${after.hung ? ', hanging' : ''}: ${after.stderr.slice(-500)}`);
  told?.(after);
  for (const what of await judge(true)) bad(what);
  if (shop.litter() > LITTER_A_FAULT * shop.suffered)
    bad(`${shop.litter()} temporary files after ${shop.suffered} kills`);
}

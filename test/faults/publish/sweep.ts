import { randomBytes } from 'node:crypto';
import { shuffled } from '../../conformance/random.js';
import { ownBuild } from '../../rig/own-build.js';
import type { S3Facts } from '../../rig/s3-server.js';
import { sdkMakeBucket } from '../../rig/sdk.js';
import { strace } from '../../rig/strace.js';
import type { Found as Counted } from '../campaign.js';
import { type Call, callsIn, type Injection, LITTER_A_FAULT, type Ran } from '../run-under.js';
import { startHand } from './hand.js';
import { judge, type Strictness } from './oracle.js';
import { SHAPES, type Shape } from './shapes.js';
import { type Tools, Workshop } from './workshop.js';

/** Nothing there yet; there by another key; there by this one, and forced. */
const STATES = ['fresh', 'again', 'forced'] as const;
export type State = (typeof STATES)[number];

export interface Scene {
  readonly shape: Shape;
  readonly onS3: boolean;
  readonly state: State;
}

export interface Found extends Counted {
  readonly byCall: Record<string, number>;
  readonly endings: Record<string, number>;
}

export interface Sweep {
  readonly points: number;
  readonly random: () => number;
  readonly server: S3Facts;
  /** Where nothing is said, also on S3. */
  readonly onlyFolders?: boolean;
  /** Calls that are watched. */
  readonly calls: readonly string[];
  /** What is done to the calls of one scene. */
  readonly plan: (calls: readonly Call[]) => readonly Injection[];
  /** Was it really done? */
  readonly isHit: (ran: Ran) => boolean;
  readonly judgeRan: (ran: Ran) => readonly string[];
  readonly strictness?: Strictness;
}

interface Point {
  readonly scene: Scene;
  readonly injection: Injection;
}

const SHARED_ROUNDS = 20;
const LANES = 2;
/** So many points share the looks at what a scene calls. */
const POINTS_A_SCENE = 12;

/** Something goes wrong at system calls of the real command, one call a run; then what it left is judged, and made good. */
export async function sweep(options: Sweep): Promise<Found> {
  const found: Found = {
    ...{ points: 0, injected: 0, wrong: 0, lost: 0 },
    ...{ examples: [], byScene: {}, byCall: {}, endings: {} },
  };
  const program = await strace();
  const built = await ownBuild(__SABOTAGE__);
  const hand = await startHand();
  const bucket = `publish-${randomBytes(5).toString('hex')}`;
  const tools: Tools = { cli: built.cli, strace: program, hand, server: options.server, bucket };
  try {
    if (!options.onlyFolders) await sdkMakeBucket(options.server, bucket);
    const points = await planned(options, tools);
    const groups = new Map<string, Point[]>();
    for (const point of points) groups.set(nameOf(point.scene), [...(groups.get(nameOf(point.scene)) ?? []), point]);
    const waiting = [...groups.values()];
    const lane = async () => {
      for (let group = waiting.shift(); group; group = waiting.shift()) await runGroup(group, options, tools, found);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    hand.stop();
    built.remove();
  }
  return found;
}

export function nameOf({ shape, onS3, state }: Scene): string {
  return `${shape.name} ${state} ${onS3 ? 's3' : 'fs'}`;
}

/** So many scenes as the points are worth; each scene's calls are counted once, and all of them are met before one is met again. */
async function planned({ points, random, onlyFolders, calls, plan }: Sweep, tools: Tools): Promise<readonly Point[]> {
  const all = shuffled(
    SHAPES.flatMap((shape) => STATES.map((state) => ({ shape, state }))),
    random,
  ).map((one, at) => ({ ...one, onS3: !onlyFolders && at % 2 === 1 }));
  const others = onlyFolders ? [] : all.map((one) => ({ ...one, onS3: !one.onS3 }));
  const wanted = Math.max(3, Math.ceil(points / POINTS_A_SCENE));
  const pools: Point[][] = [];
  const queue = [...all, ...others].slice(0, wanted);
  const lane = async () => {
    for (let scene = queue.shift(); scene; scene = queue.shift()) {
      const at = scene;
      const injections = plan(await callsOf(at, calls, tools));
      const first = shuffled(injections, random).sort(
        (a, b) => Number(b.telling ?? false) - Number(a.telling ?? false),
      );
      pools.push(first.map((injection) => ({ scene: at, injection })));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const chosen: Point[] = [];
  for (let at = 0; chosen.length < points; at++)
    for (const pool of pools) if (pool.length > 0 && chosen.length < points) chosen.push(pool[at % pool.length]!);
  return chosen;
}

async function callsOf(scene: Scene, calls: readonly string[], tools: Tools): Promise<readonly Call[]> {
  const shop = await Workshop.open(scene.shape, scene.onS3, tools);
  try {
    if (scene.state !== 'fresh') await shop.run({ round: 1 });
    const round = scene.state === 'again' ? 2 : 1;
    const ran = await shop.run({ round, force: scene.state === 'forced', fails: true, watch: calls.join(',') });
    if (ran.code !== (scene.shape.name === 'failing' ? 1 : 0))
      throw new Error(`${nameOf(scene)} does not run: ${ran.code} ${ran.stderr}${ran.stdout}`);
    return callsIn(ran.trace, shop.folder);
  } finally {
    shop.close();
  }
}

async function runGroup(group: readonly Point[], options: Sweep, tools: Tools, found: Found): Promise<void> {
  const { scene } = group[0]!;
  let shop: Workshop | undefined;
  let round = 0;
  for (const { injection } of group) {
    if (!shop || scene.state === 'fresh' || round >= SHARED_ROUNDS) {
      shop?.close();
      shop = await Workshop.open(scene.shape, scene.onS3, tools);
      round = 0;
      if (scene.state !== 'fresh') await shop.run({ round: ++round });
    }
    if (scene.state !== 'forced') round += 1;
    const before = found.wrong + found.lost;
    await onePoint(shop, { scene, injection, round }, options, found);
    if (found.wrong + found.lost > before) {
      shop.close();
      shop = undefined;
    }
  }
  shop?.close();
}

async function onePoint(
  shop: Workshop,
  { scene, injection, round }: Point & { readonly round: number },
  options: Sweep,
  found: Found,
): Promise<void> {
  const { shape } = scene;
  const ran = await shop.run({ round, force: scene.state === 'forced', fails: true, inject: injection });
  const line = ran.trace.split('\n').find((one) => one.includes('(INJECTED)')) ?? '';
  const where = `${nameOf(scene)} ${injection.call}#${injection.at} ${injection.what} ${line.slice(0, 300)}`;
  const bad = (what: string) => {
    found.wrong += 1;
    found.examples.push(`${where}: ${what}`);
  };
  found.points += 1;
  const hit = options.isHit(ran);
  if (hit) {
    found.injected += 1;
    count(found.byScene, nameOf(scene));
    count(found.byCall, injection.call);
  }
  for (const what of options.judgeRan(ran)) bad(what);
  const after = judge(await shop.evidence(), shape, options.strictness);
  for (const what of after.wrong) bad(what);
  for (const { run, step, attempt } of acknowledged(ran)) {
    const stands = after.standing.some((one) => one.run === run && one.step === step && one.attempt === attempt);
    if (stands) continue;
    found.lost += 1;
    found.examples.push(`${where}: ${step} was told that attempt ${attempt} is recorded, and it does not stand`);
  }

  const next = await shop.run({ round });
  if (next.hung || next.code !== 0)
    bad(`the next run ended with ${next.code}: ${next.stderr.slice(-500)}${next.stdout.slice(-500)}`);
  for (const { step, key, status, not } of endedIn(next)) {
    const stood = after.standing.find((one) => one.step === step && one.key === key);
    const how = `${stood ? (stood.marked ? 'done' : 'unmarked') : 'not done'}, then ${status}`;
    count(found.endings, how);
    if (status === 'avoided' && !stood?.marked) bad(`${step} was avoided, and what was there was ${how}`);
    if (status === 'ran' && stood?.marked) bad(`${step} was done by all that was there, and ran again`);
    if (not !== undefined) bad(`${step} ran and was not recorded: ${not}`);
  }
  const last = judge(await shop.evidence(), shape, options.strictness);
  for (const what of last.wrong) if (!after.wrong.includes(what)) bad(`at the end ${what}`);
  for (const { step, key } of endedIn(next))
    if (!last.standing.some((one) => one.step === step && one.key === key && one.marked))
      bad(`at the end no record of ${step} stands`);
  if (endedIn(next).length !== shape.steps.length) bad(`the next run says ${next.stdout.slice(-500)}`);
  if (shop.litter() > LITTER_A_FAULT * shape.steps.length * shop.suffered)
    bad(`${shop.litter()} temporary files after ${shop.suffered} faults`);
  if (endedIn(next).every(({ status }) => status === 'avoided')) return;
  const third = await shop.run({ round });
  if (third.code !== 0 || !endedIn(third).every(({ status }) => status === 'avoided'))
    bad(`a third run does not avoid everything: ${third.stdout.slice(-500)}${third.stderr.slice(-300)}`);
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

interface Ended {
  readonly run: string;
  readonly step: string;
  readonly key: string | undefined;
  readonly status: string;
  readonly attempt: number | undefined;
  readonly not: string | undefined;
}

/** What it said of its steps as long as it could. */
function endedIn({ stdout }: Ran): readonly Ended[] {
  const keys = new Map<string, string>();
  let run = '';
  return stdout.split('\n').flatMap((line) => {
    const event = eventIn(line);
    if (event?.run !== undefined) run = event.run;
    if (event?.type === 'step-decided' && event.key !== undefined) keys.set(event.step, event.key);
    if (event?.type !== 'step-ended') return [];
    const { status, recorded } = event.outcome;
    const { attempt, not, fact } = recorded ?? {};
    const why = not === undefined ? undefined : `${not}: ${fact}`;
    return [{ run, step: event.step, key: keys.get(event.step), status, attempt, not: why }];
  });
}

interface Event {
  readonly type: string;
  readonly run?: string;
  readonly step: string;
  readonly key?: string;
  readonly outcome: {
    readonly status: string;
    readonly recorded?: { readonly attempt?: number; readonly not?: string; readonly fact?: string };
  };
}

/** The last line of a killed process may be cut. */
function eventIn(line: string): Event | undefined {
  try {
    return JSON.parse(line) as Event;
  } catch {
    return undefined;
  }
}

function acknowledged(ran: Ran): readonly Ended[] {
  return endedIn(ran).filter(({ status, attempt }) => status === 'ran' && attempt !== undefined);
}

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { answer as quickAnswer } from '../../src/quick/answer.js';
import { intBelow, pick, randomFrom } from '../conformance/random.js';
import { answerAtOnce } from '../quick/looks/at-once.js';
import { CHANGES, HARMLESS } from '../quick/looks/changes.js';
import { Snapshot } from '../quick/looks/snapshot.js';
import {
  type At,
  askedOf,
  contradicts,
  hintAt,
  invalidateOne,
  linesTold,
  longWay,
  type Ran,
  run,
  type Told,
} from '../quick/looks/ways.js';
import { plant } from '../quick/looks/world.js';
import type { Tally } from './campaign.js';

/** The long form: workflows and states. */
export const points = 100_000;
export const needsServer = false;

/** Folders that change and are asked about together: what must be waited for is waited for once. */
const TOGETHER = 48;
const STATES_A_WORLD = 25;
const LEAST_STATES = 8;
/** So many of the states are also asked about with what is known of large files. */
const KNOWN_ASKED = 0.3;
/** Two changes within one tick of the kernel's clock bear one date. */
const TICK_MS = 12;
/** Our clock is ahead of the disk's, so that everything there is older than what short cuts take for racy. */
const AHEAD_MS = 60_000;
const MOST_EXAMPLES = 12;
const SHOWN_EACH_MS = 10_000;

interface Quick {
  readonly points: number;
  readonly seed: number;
  /** A broken one must be found out. */
  readonly answer?: typeof quickAnswer;
  readonly progress?: (found: Found) => void;
}

interface Found {
  points: number;
  worlds: number;
  /** A hint lay there when the change came. */
  hinted: number;
  believed: number;
  /** Asked with digests that were kept, and by a run that then did what there was to do. */
  known: number;
  ran: number;
  /** Nothing that matters had changed, and a hint was not believed. */
  needlessly: number;
  wrong: number;
  readonly examples: string[];
  /** By what had changed: asked, and believed. */
  readonly byChange: Record<string, readonly [asked: number, believed: number]>;
}

/**
 * What is answered by short cuts against the long way, in random workflows and states: the hint that a run left, digests
 * that were kept, and what a run then does must all give each step the verdict and reason that the plan gives which reads
 * everything anew.
 */
export async function campaign({ points, seed, answer = quickAnswer, progress = show }: Quick): Promise<Tally> {
  const found: Found = {
    ...{ points: 0, worlds: 0, hinted: 0, believed: 0, known: 0, ran: 0, needlessly: 0, wrong: 0 },
    ...{ examples: [], byChange: {} },
  };
  const shm = '/dev/shm';
  const above = mkdtempSync(join(existsSync(shm) ? shm : tmpdir(), 'stepaside-quick-'));
  // A short form meets many workflows, too.
  const together = Math.min(TOGETHER, Math.ceil(points / LEAST_STATES));
  const backToThreads = answerAtOnce();
  const clock = Date.now;
  Date.now = () => clock() + AHEAD_MS;
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  try {
    while (found.points < points) {
      const worlds = Array.from({ length: together }, () => new World(seed + found.worlds++, above));
      for (let state = 0; state < STATES_A_WORLD; state++) {
        const live = worlds.filter((world) => !world.isOver).slice(0, points - found.points);
        for (const world of live) await world.settle();
        await pause(TICK_MS);
        for (const world of live.filter(({ isRefused }) => !isRefused)) {
          await world.change();
          await world.ask(answer, found);
        }
        progress(found);
      }
      for (const world of worlds) await world.close(found);
    }
  } finally {
    Date.now = clock;
    backToThreads();
    rmSync(above, { recursive: true, force: true });
  }
  const { user, system } = process.cpuUsage(cpu);
  const perPoint = (ms: number) => Math.round((ms / found.points) * 100) / 100;
  return {
    ...found,
    ...{ injected: found.believed, lost: 0 },
    ...{ cpuMsAPoint: perPoint((user + system) / 1000), msAPoint: perPoint(performance.now() - began) },
    examples: found.examples.slice(0, MOST_EXAMPLES),
  };
}

interface Settled {
  readonly ran: Ran;
  readonly snapshot: Snapshot;
}

/** A folder with a workflow whose steps are done, which changes again and again from there. */
class World {
  readonly #seed: number;
  readonly #random: () => number;
  readonly #at: At;
  #settled: Settled | undefined;
  #isRefused = false;
  #hinted = false;
  #changed: readonly string[] = [];
  /** What the last plan said; a run then has to do that. */
  #planned: readonly Told[] = [];
  /** What its clock shows. */
  #now = 0;

  constructor(seed: number, above: string) {
    this.#seed = seed;
    this.#random = randomFrom(seed);
    const folder = join(above, `world-${seed}`);
    mkdirSync(folder);
    plant(folder, this.#random);
    const now = () => this.#now;
    this.#at = { folder, argv: this.#random() < 0.2 ? ['run', '--rehash'] : ['run'], now };
  }

  /** Not every workflow can have one: such a one is asked about once, and left. */
  get isOver(): boolean {
    return this.#isRefused || (this.#settled !== undefined && !this.#hinted);
  }

  /** Everything is done, and a hint says so. */
  async settle(): Promise<void> {
    this.#now = Date.now();
    if (this.#settled) this.#settled.snapshot.restore();
    else this.#settled = await this.#done();
    if (this.#settled) this.#hinted = hintAt(this.#at, this.#settled.ran);
  }

  async #done(): Promise<Settled | undefined> {
    try {
      await run(this.#at);
    } catch (error) {
      // Its steps read in a circle what they make: whoever runs it is told so.
      this.#isRefused = (error as { code?: string }).code === 'config/cycle';
      if (!this.#isRefused) throw error;
      return undefined;
    }
    return { ran: await run(this.#at), snapshot: new Snapshot(this.#at.folder) };
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  async change(): Promise<void> {
    const random = this.#random;
    const { folder } = this.#at;
    const kind = random();
    if (kind < 0.12) {
      const name = pick(random, Object.keys(HARMLESS));
      HARMLESS[name]!(folder, random);
      this.#changed = [name];
    } else if (kind < 0.17) {
      // To the very moment when a record becomes too old.
      const { until } = this.#settled!.ran.grounds ?? {};
      this.#now = until === undefined ? this.#now + 7_200_000 : until + intBelow(random, 3) - 1;
      this.#changed = ['time passed'];
    } else if (kind < 0.2) {
      await invalidateOne(this.#at, (n) => intBelow(random, n));
      this.#changed = ['a record was invalidated'];
    } else if (kind < 0.21) {
      await run({ ...this.#at, argv: ['run'] }, { force: true });
      this.#changed = ['somebody ran it by force'];
    } else {
      const names = Array.from({ length: random() < 0.2 ? 2 : 1 }, () => pick(random, Object.keys(CHANGES)));
      for (const name of names) CHANGES[name]!(folder, random);
      this.#changed = names;
    }
  }

  /** Asks in every way. */
  async ask(answer: typeof quickAnswer, found: Found): Promise<void> {
    const said = this.#quick(answer);
    const known = this.#random() < KNOWN_ASKED ? await longWay(this.#at, false) : undefined;
    const whole = await longWay(this.#at, true);
    found.points += 1;
    if (this.#hinted) found.hinted += 1;
    if (said) found.believed += 1;
    if (this.#hinted && !said && this.#changed.every((name) => name in HARMLESS)) found.needlessly += 1;
    for (const name of this.#changed) {
      const [asked, believed] = found.byChange[name] ?? [0, 0];
      found.byChange[name] = [asked + 1, said ? believed + 1 : believed];
    }
    const lines = linesTold(whole);
    if (said && said.lines !== lines) this.#bad(`the hint says\n${said.lines}\nand the plan\n${lines}`, found);
    if (known) {
      found.known += 1;
      const [some, all] = [textOf(known), textOf(whole)];
      if (all !== some) this.#bad(`what is known says\n${some}\nand what is read\n${all}`, found);
    }
    this.#planned = whole;
  }

  /** What was planned last is what a run then does. */
  async close(found: Found): Promise<void> {
    if (!this.#isRefused) {
      const { outcomes } = await run(this.#at);
      found.ran += 1;
      const not = contradicts(this.#planned, outcomes);
      if (not !== undefined) this.#bad(not, found);
    }
    rmSync(this.#at.folder, { recursive: true, force: true });
  }

  #quick(answer: typeof quickAnswer): ReturnType<typeof quickAnswer> {
    // A command stands in its folder; nothing else happens meanwhile, since it waits for nothing.
    const before = process.cwd();
    process.chdir(this.#at.folder);
    try {
      return answer({ ...askedOf(this.#at), now: this.#now });
    } finally {
      process.chdir(before);
    }
  }

  #bad(what: string, found: Found): void {
    found.wrong += 1;
    if (found.examples.length < MOST_EXAMPLES)
      found.examples.push(`seed ${this.#seed}, after ${this.#changed.join(' and ')}: ${what}`);
  }
}

function textOf(told: readonly Told[]): string {
  return told
    .map(({ text }) => text)
    .sort()
    .join('\n');
}

let shownAt = 0;

function show({ points, worlds, hinted, believed, wrong }: Found): void {
  if (performance.now() - shownAt < SHOWN_EACH_MS) return;
  shownAt = performance.now();
  console.error(JSON.stringify({ points, worlds, hinted, believed, different: wrong }));
}

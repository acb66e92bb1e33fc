import type { Digest, WorkKey } from '../../../src/core/brand.js';
import { IntegrityError, isStoreError } from '../../../src/core/error.js';
import type { Location } from '../../../src/core/location.js';
import { resolveStep } from '../../../src/core/resolve.js';
import type { Holder } from '../../../src/core/slot.js';
import type { Step } from '../../../src/core/step.js';
import { beatOnce } from '../../../src/engine/beat.js';
import { beatKey, type Cache, keyLog, placeLog } from '../../../src/engine/cache.js';
import type { Engine, Execute, Keeper, WritablePlaces } from '../../../src/engine/engine.js';
import type { Event, Outcome } from '../../../src/engine/events.js';
import { keepingOf } from '../../../src/engine/retain.js';
import { runWorkflow } from '../../../src/engine/run.js';
import { Watch } from '../../../src/engine/watch.js';
import { work } from '../../../src/engine/work.js';
import { blake3 } from '../../../src/hash.js';
import { prefixed } from '../../../src/store/prefix.js';
import { retrying } from '../../../src/store/retry.js';
import { settling } from '../../../src/store/settle.js';
import type { Store } from '../../../src/store/store.js';
import { randomFrom } from '../../conformance/random.js';
import { CLEAR, Disk, faultyStore, text } from './faulty-store.js';
import { meddle } from './meddle.js';
import { judge } from './oracle.js';
import { type Behaviour, CACHE, type Planned, plansOf } from './plans.js';
import type { Entry, Facts, Work } from './trace.js';
import { Process, World } from './world.js';

const EPOCH = Date.parse('2026-01-01T00:00:00Z');
const TTL_MS = 8000;
const BEAT_MS = 1500;
/** Faults end then, and nobody may be at work much longer. */
const FAULTS_END_MS = 150_000;
const DEADLINE_MS = 3_600_000;
/** What was kept or given up longer ago than this may be swept. */
const GRACE_MS = 8_000;

export interface Simulated {
  readonly violations: readonly string[];
  readonly injected: Readonly<Record<string, number>>;
  readonly events: number;
  readonly trace: readonly Entry[];
  readonly tally: Readonly<Record<string, number>>;
}

/** One seed, from its plan to the oracle's judgement. */
export async function simulate(seed: number): Promise<Simulated> {
  const world = new World(randomFrom(seed));
  const disk = new Disk(world);
  const hash = blake3();
  const kind = world.chance(0.7) ? 's3' : 'file';
  const scheme = kind === 's3' ? 's3://lake/' : 'pvc://lake/';
  const remote = kind === 's3' || world.chance(0.5);
  const strongList = world.chance(0.8);
  const wrapped = world.chance(0.8);
  const logs = { store: undefined as never, uri: 'sim:', hash, latch: 'exclusive', now: () => 0 } as const;
  const logOf = (uri: string) => `${CACHE}${placeLog(logs, uri).id}/`;

  const rough = world.chance(0.7);
  const often = () => (rough && world.chance(0.6) ? world.random() ** 3 * 0.12 : 0);
  disk.weather = rough
    ? {
        lost: often(),
        refused: often(),
        conflict: often(),
        doubled: wrapped ? often() : 0,
        slow: often(),
        slowMs: world.pick([2000, 15_000, 60_000]),
        stale: strongList ? 0 : 0.3,
      }
    : { ...CLEAR, stale: strongList ? 0 : 0.2 };

  const plans = plansOf(world, { scheme, logOf });
  for (const { works } of plans)
    for (const { reads } of works.values())
      for (const place of reads) if (place.startsWith('in/')) disk.put(`${place}x`, text('in-0'), 'foreign');

  const facts = {
    work: new Map<number, ReadonlyMap<string, Work>>(),
    beats: new Map<number, string>(),
    ttlMs: TTL_MS,
    graceMs: GRACE_MS,
    epoch: EPOCH,
    cache: CACHE,
    clean: [] as number[],
  };
  const processes: Process[] = [];
  /** What was kept, by digest: names below the place, and what they say. */
  const kept = new Map<string, ReadonlyMap<string, string>>();
  const keptAt = new Map<string, number>();
  /** Whoever keeps something, and whoever sweeps: each waits for the other. */
  const keeping = new Set<Process>();
  let sweeping: Process | undefined;
  let runs = 0;

  function engineOf(process: Process, events: (event: Event) => void, { behaviour, works }: Planned): Engine {
    const driver = faultyStore({ disk, process, kind, strongList, remote });
    const waits = { sleep: process.sleep, now: () => world.now, random: () => world.random() };
    const store: Store = wrapped ? settling(retrying(driver, { ...waits, attemptMs: 20_000 }), waits) : driver;
    const places: WritablePlaces = {
      at(location: Location) {
        if (location.kind === 's3') return { store, key: location.key, uri: `${scheme}${location.key}` };
        if (location.kind === 'volume') return { store, key: location.path, uri: `${scheme}${location.path}` };
        throw new Error(`simulation: no such place ${location.path}`);
      },
    };
    const cache = cacheOf(store, world.below(2000) - 1000);
    const self: Holder = {
      host: `host-${process.id}`,
      boot: `boot-${process.id}`,
      pidns: 'pid:1',
      pid: process.id,
      started: '1',
      beat: facts.beats.get(process.id)!,
    };
    let ended = false;
    let starting: Promise<void> | undefined;
    const heart = {
      start() {
        starting ??= beatOnce(cache, self.beat, 0).then(() => void beatOn(1));
        return starting;
      },
      async stop() {
        ended = true;
        await starting?.catch(() => undefined);
        if (starting) await cache.store.remove(beatKey(self.beat)).catch(() => undefined);
      },
    };
    async function beatOn(first: number): Promise<void> {
      for (let count = first; ; count++) {
        await process.sleep(BEAT_MS);
        if (ended) return;
        if (!process.heartStopped) await beatOnce(cache, self.beat, count).catch(() => undefined);
      }
    }
    return {
      cache,
      places,
      naming: { stores: {}, folder: '/' },
      self,
      heart,
      watch: new Watch(cache, { self, ttlMs: TTL_MS, monotonic: () => world.now }),
      limits: {},
      version: '0',
      monotonic: () => world.now,
      sleep: process.sleep,
      execute: executeOf(process, works, behaviour),
      events,
      artifacts: keeperOf(process, works),
    };
  }

  function cacheOf(store: Store, skew: number): Cache {
    return {
      uri: `${scheme}${CACHE}`,
      store: prefixed(store, CACHE),
      hash,
      latch: 'exclusive',
      now: () => EPOCH + Math.round(world.now) + skew,
    };
  }

  // By dice of its own: the histories of seeds without a sweep stay what they are.
  const dice = randomFrom(seed ^ 0x5eed);
  let sweeps = 0;
  function sweepLater(afterMs: number): void {
    // As gc itself, which refuses where listings lag.
    if (!strongList || dice() > 0.25 || sweeps >= 3) return;
    const sweeper = new Process(world, -++sweeps);
    if (dice() < 0.1) sweeper.crashAtCall = 1 + Math.floor(dice() * 20);
    world.in(afterMs + dice() * 15_000, () => void (sweeping === undefined && sweep(sweeper)));
  }

  /** What gc does to what is kept, by the engine's own word of what stays: asked twice, and nobody keeps meanwhile. */
  async function sweep(process: Process): Promise<void> {
    const cache = cacheOf(faultyStore({ disk, process, kind, strongList, remote }), 0);
    const old = cache.now() - GRACE_MS;
    const doomed = async (among: Iterable<string>) => {
      const { kept: named, since = old } = await keepingOf(cache, { now: cache.now(), graceMs: GRACE_MS });
      return [...among].filter((one) => !named.has(one as Digest) && (keptAt.get(one) ?? old) < Math.min(old, since));
    };
    try {
      const first = await doomed(kept.keys());
      sweeping = process;
      while ([...keeping].some(({ dead }) => !dead)) await process.sleep(50);
      for (const digest of await doomed(first)) {
        await process.sleep(10);
        if (!kept.delete(digest)) continue;
        world.inject('swept');
        world.note({ kind: 'swept', digest });
      }
    } catch {
      // A log that cannot be read may name anything: nothing goes.
    } finally {
      sweeping = undefined;
    }
  }

  /** Keeps what lies at a place as it is in one moment, and puts it back in two: what was there goes, what was kept comes. */
  function keeperOf(process: Process, works: ReadonlyMap<string, Work>): Keeper {
    const by = `process:${process.id}`;
    const markers = new Set(
      [...works.values()].flatMap(({ places }) => places.flatMap(({ marker }) => marker?.at ?? [])),
    );
    const keyOf = (location: Location) => ('key' in location ? location.key : location.path);
    const namesAt = (at: string) =>
      (at.endsWith('/') ? disk.below(at) : disk.items.has(at) ? [at] : []).filter(
        (name) => name === at || !markers.has(name),
      );
    const contentsAt = (at: string) =>
      new Map(
        namesAt(at).map((name) => [name.slice(at.length), new TextDecoder().decode(disk.items.get(name)!.bytes)]),
      );
    const moment = () => process.sleep(world.random() * 200);
    return {
      async keep(location) {
        while (sweeping && !sweeping.dead) await process.sleep(50);
        keeping.add(process);
        await moment();
        const contents = contentsAt(keyOf(location));
        const digest = `kept-${tag(JSON.stringify([...contents]))}`;
        kept.set(digest, contents);
        keptAt.set(digest, EPOCH + world.now);
        keeping.delete(process);
        world.note({ kind: 'kept', digest });
        sweepLater(GRACE_MS);
        // Some of it is lost by and by.
        if (world.chance(0.1)) world.in(world.random() * 60_000, () => void kept.delete(digest));
        await moment();
        return digest as Digest;
      },
      async restore(digest, location) {
        await moment();
        const contents = kept.get(digest);
        if (!contents) throw new IntegrityError('integrity/missing', `${digest} is gone`);
        world.inject('restored');
        const at = keyOf(location);
        if (JSON.stringify([...contentsAt(at)]) === JSON.stringify([...contents])) return;
        for (const name of namesAt(at)) disk.remove(name, by);
        await moment();
        for (const [name, words] of contents) disk.put(at + name, text(words), by);
        await moment();
      },
      // Records are of the places that their steps have: what is lost there is lost.
      mend: async () => false,
      endUploads: async () => {},
      canRestore: () => true,
    };
  }

  /** A command: reads, writes part after part, ends. It may outlive the process that started it, and be paused with it or not. */
  function executeOf(process: Process, works: ReadonlyMap<string, Work>, behaviour: Behaviour): Execute {
    return ({ instance, key }) =>
      new Promise((resolve) => {
        const step = instance.step.name;
        const { places, reads } = works.get(step)!;
        const run = ++runs;
        const by = `command:${run}`;
        const log = key === undefined ? undefined : `${CACHE}${keyLog(logs, key as WorkKey).id}/`;
        world.note({ kind: 'begun', by: process.id, step, run, log });
        const nonce = behaviour.deterministic ? 'same' : `n${run}`;
        const count = behaviour.deterministic || world.chance(0.7) ? behaviour.parts : 1 + world.below(3);
        const fails = world.chance(behaviour.failing) && world.now < FAULTS_END_MS;
        const tied = world.chance(0.7) ? process : undefined;
        const seconds = behaviour.seconds * (0.2 + world.random());
        let input = '';
        // What a command reads is likeliest to change while it runs.
        if (reads.length > 0 && world.chance(0.1) && world.now < FAULTS_END_MS)
          world.in(world.random() * 1000 * seconds, () => meddle(world, disk, plans, reads));
        const acts: (() => void)[] = [
          () => {
            for (const place of reads) {
              input += disk.contents(place, (at) => at.endsWith('_SUCCESS') || at.endsWith('_stepaside.json'));
              world.note({ kind: 'took', run, place });
            }
            input = tag(input);
          },
        ];
        for (const place of places)
          for (let i = 0; i < (place.at.endsWith('/') ? count : 1); i++)
            acts.push(() =>
              disk.put(
                place.at.endsWith('/') ? `${place.at}part-${i}` : place.at,
                text(`${step} ${works.get(step)!.reads.length} ${label(instance.step)} ${input} ${nonce} ${i}`),
                by,
              ),
            );
        for (const { marker } of places)
          if (marker?.by === 'producer' && (world.now > FAULTS_END_MS || !world.chance(behaviour.forgetsMarker)))
            acts.push(() => disk.put(marker.at, new Uint8Array(), by));
        const upTo = fails ? world.below(acts.length + 1) : acts.length;
        let at = 0;
        const next = () => {
          // A command that hangs on its process's terminal dies with it; others go on as orphans.
          if (at < upTo) {
            acts[at++]!();
            world.in(((seconds * 1000) / (acts.length + 1)) * (0.5 + world.random()), next, tied);
            return;
          }
          world.note({ kind: 'over', run, ok: !fails });
          world.in(world.random() * 5, () => resolve({ exitCode: fails ? 1 : 0 }), process);
        };
        world.in(((seconds * 1000) / (acts.length + 1)) * world.random(), next, tied);
      });
  }

  async function live(process: Process, planned: Planned, waitMs: number): Promise<void> {
    const events = (event: Event) => {
      switch (event.type) {
        case 'step-decided':
          world.note({
            kind: 'decided',
            by: process.id,
            step: event.step,
            action: event.verdict.action,
            reason: event.verdict.reason,
            log: event.key === undefined ? undefined : `${CACHE}${keyLog(logs, event.key as WorkKey).id}/`,
          });
          break;
        case 'step-warned':
          world.note({ kind: 'warned', by: process.id, step: event.step, warning: event.warning });
          break;
        case 'step-ended':
          end(event.step, event.outcome);
          break;
        default:
      }
    };
    const end = (step: string, outcome: Outcome) =>
      world.note({ kind: 'ended', by: process.id, step, ended: describe(outcome) });
    try {
      const engine = engineOf(process, events, planned);
      const { workflow } = planned;
      const asked = { run: `run-${process.id}`, readOff: false, writeOff: false, force: false, waitMs };
      if (workflow.steps.length === 1) {
        const step = workflow.steps[0]!;
        const { outcome } = await work(engine, { workflow, instance: resolveStep(workflow, step) }, asked, {
          needed: true,
          turn: async () => () => undefined,
          prepare: async () => 'ready',
        });
        end(step.name, outcome);
      } else {
        await runWorkflow(engine, workflow, {
          ...asked,
          selection: { chosen: workflow.steps.map((step) => resolveStep(workflow, step)), named: false, only: false },
          concurrency: 2,
          keepGoing: false,
          materialize: false,
          forceDownstream: false,
        });
      }
      await engine.heart.stop();
    } catch (error) {
      const { code } = error as { code?: string };
      const why = isStoreError(error) ? `${code}: ${error.message}` : String((error as Error)?.stack ?? error);
      world.note({ kind: 'broke', by: process.id, error: why });
      process.dead = true;
    }
    alive.delete(process.id);
  }

  const alive = new Set<number>();
  function begin(planned: Planned, waitMs: number, plan: (process: Process) => void = () => undefined): Process {
    const process = new Process(world, processes.length + 1);
    processes.push(process);
    facts.work.set(process.id, planned.works);
    facts.beats.set(process.id, `beat-${process.id}`);
    plan(process);
    alive.add(process.id);
    void live(process, planned, waitMs);
    return process;
  }

  const many = 2 + world.below(4);
  const spread = world.pick([500, 20_000, 90_000]);
  for (let i = 0; i < many; i++) {
    const planned = world.pick(plans);
    const waitMs = world.pick([0, 3000, 30_000, 600_000, 600_000]);
    const trouble = (process: Process) => {
      const end = world.random();
      if (end < 0.15) process.crashAtCall = 1 + world.below(60);
      else if (end < 0.3) process.crashAtWrite = 1 + world.below(14);
      if (world.chance(0.25)) {
        process.pauseAtWrite = 1 + world.below(14);
        process.pauseMs = TTL_MS * (0.3 + world.random() * 5);
      }
      if (world.chance(0.1)) {
        world.inject('silent heart');
        process.heartStopped = true;
      }
      if (world.chance(0.1)) {
        const at = 5000 + world.random() * 40_000;
        world.in(at, () => {
          world.inject(alive.has(process.id) ? 'crash' : 'crash too late');
          if (alive.has(process.id)) process.crash();
        });
      }
    };
    world.in(world.random() * spread, () => begin(planned, waitMs, trouble));
  }

  const foreign = world.chance(0.6) ? 1 + world.below(6) : 0;
  for (let i = 0; i < foreign; i++) world.in(world.random() * (spread + 40_000), () => meddle(world, disk, plans));
  if (world.chance(0.2)) world.in(world.random() * (spread + 40_000), () => void invalidate());
  /** What `stepaside invalidate` does: a tombstone for the newest record of some key. */
  async function invalidate(): Promise<void> {
    const process = new Process(world, 1000);
    const store = prefixed(faultyStore({ disk, process, kind, strongList: true, remote }), CACHE);
    const cache: Cache = { uri: 'sim:', store, hash, latch: 'exclusive', now: () => EPOCH + Math.round(world.now) };
    const keys = [...new Set(disk.below(`${CACHE}v1/keys/`).map((key) => key.split('/')[4]!))];
    if (keys.length === 0) return;
    const weather = disk.weather;
    disk.weather = { ...weather, lost: 0, refused: 0, conflict: 0, doubled: 0, slow: 0 };
    try {
      const log = keyLog(cache, world.pick(keys) as WorkKey);
      const view = await log.read();
      const newest = view.records.at(-1);
      if (!newest) return;
      world.inject('invalidate');
      sweepLater(0);
      const by: Holder = { host: '?', boot: '?', pidns: '?', pid: 0, started: '?', beat: 'beat-admin' };
      const entry = { kind: 'tombstone', attempts: [newest.attempt], undo: false, why: 'simulated' } as const;
      await log.appendAfter(view, entry, by);
    } catch {
      // An administrator's command that fails has not done anything.
    } finally {
      disk.weather = world.now < FAULTS_END_MS ? weather : CLEAR;
    }
  }

  world.in(FAULTS_END_MS, () => {
    disk.weather = { ...CLEAR, stale: strongList ? 0 : 0.2 };
    for (const process of processes) process.pausedUntil = Math.min(process.pausedUntil, world.now);
  });

  const violations: string[] = [];
  const calm = await world.run(DEADLINE_MS);
  if (!calm) violations.push(`stuck: process ${[...alive].join(', ')} has not ended`);
  for (const id of alive)
    if (calm && !processes[id - 1]!.dead) violations.push(`stuck: process ${id} waits for nothing`);
  if (calm) {
    // Alone and undisturbed: the first makes it if need be, the second must find it done.
    for (const planned of [plans[0]!, plans[0]!]) {
      const until = world.now + DEADLINE_MS;
      facts.clean.push(begin(planned, 600_000).id);
      if (!(await world.run(until))) violations.push('stuck: a clean process has not ended');
    }
  }
  violations.push(...judge(world.trace, facts satisfies Facts));
  const tally: Record<string, number> = {};
  for (const entry of world.trace)
    if (entry.kind === 'ended') tally[entry.ended] = (tally[entry.ended] ?? 0) + 1;
    else if (entry.kind === 'broke') tally['broke'] = (tally['broke'] ?? 0) + 1;
  return { violations, injected: world.injected, events: world.released, trace: world.trace, tally };
}

function describe(outcome: Outcome): string {
  switch (outcome.status) {
    case 'ran':
      return 'attempt' in outcome.recorded ? 'ran recorded' : `ran ${outcome.recorded.not}`;
    case 'avoided':
    case 'refused':
      return `${outcome.status} ${outcome.verdict.reason}`;
    default:
      return outcome.status;
  }
}

function label(step: Step): string {
  return Array.isArray(step.run) ? String(step.run[1]) : '';
}

/** Short, and another one for other words. */
function tag(words: string): string {
  let sum = 0xcbf29ce484222325n;
  for (let i = 0; i < words.length; i++)
    sum = ((sum ^ BigInt(words.charCodeAt(i))) * 0x100000001b3n) & (2n ** 64n - 1n);
  return sum.toString(36);
}

import { decide, noLease, type Situation } from '../core/decide.js';
import { isStoreError } from '../core/error.js';
import type { Verdict } from '../core/reason.js';
import type { StoredRecord } from '../core/slot.js';
import { attempt } from './attempt.js';
import type { Asked, Engine } from './engine.js';
import type { Outcome } from './events.js';
import { Lease } from './lease.js';
import { memoId, type RunMemo } from './memo.js';
import { restoreOutputs } from './restore.js';
import { lookAround, type Seen, type Subject, situationOf } from './situation.js';

/** A look that is older is no ground for acting. */
const FRESH_MS = 30_000;
const POLL_MS = { least: 100, most: 2000 } as const;

export interface Wanted {
  /** False lets outputs that are gone stay gone while nobody who would read them runs. */
  readonly needed: boolean;
  /** Called when the step is about to act, with its turn to wait for. Its result is called when the step ended. */
  readonly turn: (to: 'run' | 'restore') => Promise<() => void>;
  /** What this run did already. */
  readonly memo?: RunMemo;
  /** Called once the step must run, before it does: what it reads must be there. */
  readonly prepare: () => Promise<Prepared>;
}

/** `changed`: something was made, so the step is decided again. */
export type Prepared = 'ready' | 'changed' | { readonly failed: string };

export interface Worked {
  readonly outcome: Outcome;
  readonly seen: Seen;
  /** Under which name this run, and one that repeats it, knows what was done. */
  readonly memo?: string;
}

/** Look, decide, act: until the step is done, avoided or refused. */
export async function work(engine: Engine, subject: Subject, asked: Asked, wanted: Wanted): Promise<Worked> {
  const { instance } = subject;
  const waiting = new Waiting(engine, asked.waitMs ?? instance.step.memoize.waitMs);
  for (;;) {
    const factsOf = (seen: Seen) => ({ ...asked, needed: wanted.needed, lease: leaseOf(subject, seen, waiting) });
    let seen = await lookAround(engine, subject, asked, 'together');
    let facts = factsOf(seen);
    let verdict = verdictOf(engine, subject, seen, facts);
    if (seen.early && !isHit(verdict)) {
      seen = await lookAround(engine, subject, asked);
      facts = factsOf(seen);
      verdict = verdictOf(engine, subject, seen, facts);
    }
    const id = wanted.memo && memoId(instance.step, seen.keyed, engine.cache.hash);
    // That the holder left a record is no reason to skip.
    if (__SABOTAGE__ === 'no-second-look' && !waiting.isFirst() && seen.stored.length > 0)
      verdict = { action: 'skip', reason: 'parts-match', because: [] };
    if (asked.signal?.aborted) return { seen, outcome: { status: 'not-begun', why: 'the run was interrupted' } };

    let over: ((well: boolean) => void) | undefined;
    if (id !== undefined && verdict.action === 'run') {
      const taken = asked.force ? wanted.memo!.begin(id) : await wanted.memo!.take(id);
      if (taken === 'done') verdict = verdictOf(engine, subject, seen, { ...facts, memo: true });
      else over = taken;
    }
    let outcome: Outcome | undefined;
    try {
      outcome = await turnTo(engine, subject, { seen, verdict, waiting }, asked, wanted);
    } finally {
      over?.(outcome?.status === 'ran');
    }
    if (outcome) return { seen, outcome, ...(id !== undefined && { memo: id }) };
  }
}

/** Proven by what lies there; that something is gone is no proof if it was seen before the logs were read. */
function isHit({ action, reason }: Verdict): boolean {
  return action === 'skip' && reason !== 'not-needed';
}

interface Turn {
  readonly seen: Seen;
  readonly verdict: Verdict;
  readonly waiting: Waiting;
}

/** Does what was decided. Undefined: time has passed or something has changed, so everything is to be looked at again. */
async function turnTo(
  engine: Engine,
  subject: Subject,
  { seen, verdict, waiting }: Turn,
  asked: Asked,
  wanted: Wanted,
): Promise<Outcome | undefined> {
  const { name } = subject.instance;
  const say = () => engine.events({ type: 'step-decided', step: name, verdict, ...(seen.key && { key: seen.key }) });
  switch (verdict.action) {
    case 'skip':
      say();
      return { status: 'avoided', verdict, ...savingOf(seen) };
    case 'refuse':
      // What it reads may be gone because nobody needed it so far.
      if (verdict.reason === 'input-missing') {
        const prepared = await wanted.prepare();
        if (prepared !== 'ready') return notBegun(prepared);
      }
      say();
      return { status: 'refused', verdict };
    case 'wait':
      if (!seen.heldBy) throw new Error(`internal: ${name} is ${verdict.reason} and is worked on`);
      waiting.sawHolder(seen);
      if (waiting.isFirst())
        engine.events({
          type: 'step-waiting',
          step: name,
          for: `${seen.heldBy.what}, held by ${describeHolder(seen)}`,
        });
      await waiting.pause();
      return undefined;
    case 'restore':
    case 'run': {
      // What is put back reads nothing.
      const prepared = verdict.action === 'run' || asked.writeOff ? await wanted.prepare() : 'ready';
      if (prepared !== 'ready') return notBegun(prepared);
      // Where nothing may be written, nothing is put back: then the command runs.
      const over = await wanted.turn(asked.writeOff ? 'run' : verdict.action);
      try {
        if (engine.monotonic() - seen.at > FRESH_MS) return undefined;
        return await act(engine, subject, seen, asked, verdict, say);
      } finally {
        over();
      }
    }
    default:
      return verdict.action satisfies never;
  }
}

function leaseOf({ instance }: Subject, seen: Seen, waiting: Waiting): Situation['lease'] {
  if (__SABOTAGE__ !== 'held-ignored' && seen.heldBy) return waiting.isOver() ? 'given-up' : 'held';
  return waiting.failures(seen) >= instance.step.memoize.attempts ? 'failed-elsewhere' : 'free';
}

function notBegun(prepared: Exclude<Prepared, 'ready'>): Outcome | undefined {
  return prepared === 'changed' ? undefined : { status: 'not-begun', why: `${prepared.failed} did not end well` };
}

export function verdictOf(
  engine: Engine,
  subject: Subject,
  seen: Seen,
  asked: Asked & Pick<Situation, 'needed' | 'lease' | 'memo'>,
): Verdict {
  const verdict = decide(situationOf(engine, subject, seen, asked));
  if (!seen.heldBy || (verdict.reason !== 'held' && verdict.reason !== 'busy')) return verdict;
  // That somebody has begun is why the place proves nothing: who it is tells more.
  return { ...verdict, because: [{ about: 'lease', fact: `${seen.heldBy.what}, held by ${describeHolder(seen)}` }] };
}

/** Undefined: somebody was faster, so everything is to be looked at again. */
async function act(
  engine: Engine,
  subject: Subject,
  seen: Seen,
  asked: Asked,
  verdict: Verdict,
  say: () => void,
): Promise<Outcome | undefined> {
  const reads = [...(seen.keyRead ? [seen.keyRead] : []), ...seen.placeReads.values()];
  let lease: Lease | undefined;
  if (!asked.writeOff && reads.length > 0) {
    try {
      await engine.heart.start();
      lease = await Lease.take(reads, engine.self);
      if (!lease) return undefined;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      const because = [...verdict.because, { about: 'cache', fact: noLease(error.message) }];
      return { status: 'refused', verdict: { action: 'refuse', reason: 'cache-unknown', because } };
    }
  }
  say();
  let committed = false;
  try {
    if (verdict.action === 'restore' && lease) {
      const restored = await restoreOutputs(engine, subject, seen, verdict, lease);
      committed = restored !== undefined;
      return restored;
    }
    const ended = await attempt(engine, subject, seen, lease ? asked : { ...asked, writeOff: true }, lease);
    if (!ended.ok) {
      const { ok: _, ...facts } = ended;
      return { status: 'failed', verdict, ...facts };
    }
    committed = 'attempt' in ended.recorded;
    const { ok: _, ...facts } = ended;
    return { status: 'ran', verdict, ...facts };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    // Its places could not be prepared: nothing was started.
    const because = [...verdict.because, { about: 'outputs', fact: error.message }];
    return { status: 'refused', verdict: { action: 'refuse', reason: 'place-unknown', because } };
  } finally {
    // A release that fails costs the next one a wait until our heartbeat stops, no more.
    await lease?.release({ untouched: __SABOTAGE__ === 'release-untouched' }).catch((error: unknown) => {
      if (!isStoreError(error)) throw error;
      if (!committed)
        engine.events({
          type: 'step-warned',
          step: subject.instance.name,
          warning: `the lease could not be released: ${error.message}`,
        });
    });
  }
}

function describeHolder({ heldBy }: Seen): string {
  const held = heldBy?.read.view.held;
  return held ? `process ${held.by.pid} on ${held.by.host} since ${new Date(held.at).toISOString()}` : 'nobody';
}

/** What the record says the run took: so much time was not spent again. */
function savingOf({ stored, outputs, key }: Seen): { readonly savedMs?: number; readonly value?: string } {
  const record = recordUsed({ stored, outputs, key });
  if (!record) return {};
  return { savedMs: record.durationMs, ...(typeof record.value === 'string' && { value: record.value }) };
}

/** The record that speaks for what is at the places: the one their logs name, else the newest. */
export function recordUsed({
  stored,
  outputs,
  key,
}: Pick<Seen, 'stored' | 'outputs'> & { readonly key?: Seen['key'] | undefined }): StoredRecord | undefined {
  const named = outputs.flatMap(({ log }) => (log.state === 'committed' && log.key === key ? [log.attempt] : []));
  return stored.find(({ attempt }) => named.includes(attempt)) ?? stored.at(-1);
}

/** One step's patience with others, and what it saw of them meanwhile. */
class Waiting {
  readonly #engine: Engine;
  readonly #limitMs: number;
  #begun: number | undefined;
  #rounds = 0;
  #pauseMs: number = POLL_MS.least;
  /** Whose holders and failures are counted: inputs that change meanwhile make it other work. */
  #key: Seen['key'];
  readonly #holders = new Set<number>();
  readonly #failed = new Set<number>();

  constructor(engine: Engine, limitMs: number) {
    this.#engine = engine;
    this.#limitMs = limitMs;
  }

  isOver(): boolean {
    return (
      this.#limitMs === 0 || (this.#begun !== undefined && this.#engine.monotonic() - this.#begun >= this.#limitMs)
    );
  }

  isFirst(): boolean {
    return this.#rounds === 0;
  }

  sawHolder({ key, keyRead }: Seen): void {
    this.#turnTo(key);
    if (keyRead?.view.held) this.#holders.add(keyRead.view.held.attempt);
  }

  /** Those it waited for and who ended without a record. Who gave his lease back unused, or is only silent, did not fail. */
  failures({ key, keyRead }: Seen): number {
    this.#turnTo(key);
    const { last, held } = keyRead?.view ?? {};
    if (last?.state === 'open' && !held && this.#holders.has(last.attempt)) this.#failed.add(last.attempt);
    return this.#failed.size;
  }

  #turnTo(key: Seen['key']): void {
    if (key === this.#key) return;
    this.#key = key;
    this.#holders.clear();
    this.#failed.clear();
  }

  async pause(): Promise<void> {
    this.#begun ??= this.#engine.monotonic();
    this.#rounds += 1;
    const left = this.#limitMs - (this.#engine.monotonic() - this.#begun);
    await this.#engine.sleep(Math.max(1, Math.min(this.#pauseMs, left)));
    this.#pauseMs = Math.min(POLL_MS.most, this.#pauseMs * 1.5);
  }
}

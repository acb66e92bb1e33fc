import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../core/error.js';
import type { Holder } from '../core/slot.js';
import { surelyDead, thisProcess } from '../holder.js';
import type { Store } from '../store/store.js';
import { readBytes } from './bytes.js';
import { SWEEP, UPLOADS, uploadKey } from './layout.js';

/**
 * How writers and sweepers keep out of each other's way, with nothing but a store that shows what was written: each
 * first says what it is about to do, then looks for the others. A writer has an object below `uploads/`, a sweeper one
 * there whose name says so, and `sweep`, which also names the last sweep, so that a writer whose index is older reads it
 * again. Whoever was surely killed on this boot is not waited for.
 */
interface Sweep {
  readonly state: 'sweeping' | 'done';
  readonly epoch: string;
  /** Rises while the sweeper lives. */
  readonly beat: number;
  readonly by?: Holder;
}

const BEAT_MS = 5_000;
/** Without a sign of life for so long, a sweeper has died. It itself stops long before. */
const DEAD_MS = 60_000;
const SWEEPER_MS = 20_000;
/** How long to wait before looking again, at most: where a look is a request it costs money. */
const PAUSE_MS = { remote: 300, local: 50 };
/** An upload shows signs of life; one without for so long has died. */
const UPLOAD_BEAT_MS = 60_000;
export const UPLOAD_DEAD_MS = 30 * 60_000;
/** Whoever gave none for so long gives none any more: another one may have taken him for dead and cleaned up after him. */
const UPLOAD_LATE_MS = UPLOAD_DEAD_MS / 2;

const SWEEPER = 'sweep-';

let known: Holder | undefined;
function self(): Holder {
  known ??= thisProcess();
  return known;
}

export async function epochOf(store: Store): Promise<string> {
  const sweep = await readSweep(store);
  // What is read while somebody deletes is older than the end of it.
  return sweep === undefined ? '' : sweep.state === 'sweeping' ? `before ${sweep.epoch}` : sweep.epoch;
}

async function readSweep(store: Store): Promise<Sweep | undefined> {
  const bytes = await readBytes(store, SWEEP, 4096);
  if (bytes === undefined) return undefined;
  try {
    const { state, epoch, beat, by } = JSON.parse(bytes.toString()) as Sweep;
    if ((state === 'sweeping' || state === 'done') && typeof epoch === 'string' && typeof beat === 'number')
      return { state, epoch, beat, ...(by !== undefined && { by }) };
  } catch {
    // Cut short or damaged: as if somebody swept right now, until it is seen that nobody does.
  }
  return { state: 'sweeping', epoch: bytes.toString('hex'), beat: 0 };
}

const say = (store: Store, sweep: Sweep) => store.write(SWEEP, Buffer.from(`${JSON.stringify(sweep)}\n`));

const isOver = (sweep: Sweep | undefined) => sweep?.state !== 'sweeping' || isDead(sweep.by);

function isDead(by: Holder | undefined): boolean {
  return typeof by?.boot === 'string' && surelyDead(by, self());
}

/** Somebody's object below `uploads/`: there while he works, with another text from time to time. */
class Sign {
  readonly key: string;
  readonly #store: Store;
  #beat = 0;
  #timer: NodeJS.Timeout | undefined;
  #shown: Promise<void> = Promise.resolve();
  #shownAt = moment();

  constructor(store: Store, kind = '') {
    this.#store = store;
    this.key = uploadKey(`${kind}${randomBytes(12).toString('hex')}`);
  }

  async show(): Promise<void> {
    const began = moment();
    const sign = { beat: ++this.#beat, by: self() };
    await this.#store.write(this.key, Buffer.from(`${JSON.stringify(sign)}\n`));
    this.#shownAt = began;
  }

  /** A process that was stopped wakes up with its timers due: a sign of it would say that it had been there all along. */
  get isLate(): boolean {
    return msSince(this.#shownAt) > UPLOAD_LATE_MS;
  }

  keep(): void {
    this.#timer = setInterval(() => {
      if (this.isLate) return clearInterval(this.#timer);
      this.#shown = this.show().catch(() => {});
    }, UPLOAD_BEAT_MS).unref();
  }

  async withdraw(): Promise<void> {
    clearInterval(this.#timer);
    // One that is on its way would come after the removal, and nobody would take it away.
    await this.#shown;
    await this.#store.remove(this.key);
  }
}

/** By both clocks: one may be set, and the other stands still while the machine sleeps. */
interface Moment {
  readonly steady: number;
  readonly wall: number;
}

const moment = (): Moment => ({ steady: performance.now(), wall: Date.now() });
const msSince = ({ steady, wall }: Moment) => Math.max(performance.now() - steady, Date.now() - wall);

export interface Upload {
  /** Of the last sweep before this upload: what was known before it may be gone. */
  readonly epoch: string;
  /** Before what was written is named: throws if a sweeper gave this upload up for dead. */
  confirm(): Promise<void>;
  /** And after it: throws if one may have done so since. */
  assertAlive(): void;
  end(): Promise<void>;
}

/** Begins a write that nothing names yet. Waits while somebody sweeps. */
export async function beginUpload(store: Store, signal?: AbortSignal): Promise<Upload> {
  const sign = new Sign(store);
  const end = () => sign.withdraw().catch(() => {});
  try {
    for (;;) {
      await sign.show();
      const sweep = await readSweep(store);
      if (isOver(sweep)) {
        sign.keep();
        return { epoch: sweep?.epoch ?? '', confirm, assertAlive, end };
      }
      // Withdrawn while we wait: the sweeper waits for all that it sees.
      await sign.withdraw();
      await untilSwept(store, signal);
    }
  } catch (error) {
    await end();
    throw error;
  }

  async function confirm(): Promise<void> {
    assertAlive();
    if ((await store.head(sign.key)) === undefined) throw givenUp(store, sign.key);
  }

  function assertAlive(): void {
    if (sign.isLate) throw givenUp(store, sign.key);
  }
}

function givenUp(store: Store, key: string): StoreError {
  const message = `${store.name}: this upload showed no sign of life for too long, and may have been cleaned away`;
  const facts = { store: store.name, key, retryable: true };
  return new StoreError('store/conflict', message, facts, { hint: 'call it again' });
}

function longer({ traits }: Store, pause: number): number {
  return Math.min(traits.remote ? PAUSE_MS.remote : PAUSE_MS.local, pause * 1.5);
}

async function untilSwept(store: Store, signal: AbortSignal | undefined): Promise<void> {
  let seen: Sweep | undefined;
  let since = performance.now();
  for (let pause = 20; ; pause = longer(store, pause)) {
    const now = await readSweep(store);
    if (now === undefined || isOver(now)) return;
    if (seen?.beat !== now.beat || seen.epoch !== now.epoch) [seen, since] = [now, performance.now()];
    if (performance.now() - since > DEAD_MS) await say(store, { ...now, state: 'done' });
    else await sleep(pause, undefined, signal && { signal });
  }
}

export interface Sweeping {
  /** Before each deletion: throws if we were away for so long that writers may have gone on. */
  check(): Promise<void>;
  end(): Promise<void>;
}

/** Keeps writers and other sweepers out; undefined if those at work did not end within `waitMs`. */
export async function beginSweep(
  store: Store,
  now: () => number,
  waitMs: number,
  signal?: AbortSignal,
): Promise<Sweeping | undefined> {
  const call = signal && { signal };
  const began = performance.now();
  const isLate = () => performance.now() - began > waitMs;
  const sign = new Sign(store, SWEEPER);
  const epoch = randomBytes(12).toString('hex');
  let beat = 0;
  let shown = 0;
  async function show(): Promise<void> {
    const began = performance.now();
    await say(store, { state: 'sweeping', epoch, beat: ++beat, by: self() });
    shown = began;
  }
  async function end(): Promise<void> {
    // Whoever has not begun must not say for somebody else that it is over.
    try {
      if (beat > 0) await say(store, { state: 'done', epoch, beat });
    } finally {
      await sign.withdraw();
    }
  }
  try {
    // One sweeper at a time: of two who begin together each sees the other, and both give way for a while.
    for (;;) {
      await sign.show();
      if (!(await anySign(store, now, { sweepers: true, but: sign.key }))) break;
      await sign.withdraw();
      if (isLate()) return undefined;
      await sleep(20 + Math.random() * 200, undefined, call);
    }
    sign.keep();
    await untilSwept(store, signal);
    await show();
    // biome-ignore format: the broken form is compiled out of the package; the campaign on writers and sweepers must catch it
    if (__SABOTAGE__ !== 'uploads-unseen')
    for (let pause = 20; await anySign(store, now, { sweepers: false, but: sign.key }); pause = longer(store, pause)) {
      if (isLate()) {
        await end();
        return undefined;
      }
      await sleep(pause, undefined, call);
      if (performance.now() - shown > BEAT_MS) await show();
    }
  } catch (error) {
    await end().catch(() => {});
    throw error;
  }
  const renew = async () => {
    if (performance.now() - shown > SWEEPER_MS) throw lost(store);
    if (performance.now() - shown <= BEAT_MS) return;
    const current = await readSweep(store);
    if (current?.epoch !== epoch || current.state !== 'sweeping') throw lost(store);
    await show();
  };
  // Also while it is looked what may go, which of many records takes minutes: one sign after the other.
  let renewed = Promise.resolve();
  const timer = setInterval(() => {
    renewed = renewed.then(renew);
    renewed.catch(() => {});
  }, BEAT_MS).unref();
  return {
    check() {
      renewed = renewed.then(renew);
      return renewed;
    },
    async end() {
      clearInterval(timer);
      await renewed.catch(() => {});
      await end();
    },
  };
}

function lost(store: Store): StoreError {
  const message = `${store.name}: this clean-up stood still for too long, and others went on without it`;
  const facts = { store: store.name, key: SWEEP, retryable: true };
  return new StoreError('store/conflict', message, facts, {
    hint: 'nothing that is needed was removed: call it again',
  });
}

interface Whose {
  /** Of sweepers, or of writers. */
  readonly sweepers: boolean;
  readonly but: string;
}

/** Whether somebody else is at work. Signs of the dead are taken away. */
async function anySign(store: Store, now: () => number, { sweepers, but }: Whose): Promise<boolean> {
  for await (const { key, modifiedAt } of store.list(UPLOADS)) {
    if (key === but || key.startsWith(UPLOADS + SWEEPER) !== sweepers) continue;
    if (!(await isAbandoned(store, { key, modifiedAt }, now))) return true;
    await store.remove(key);
  }
  return false;
}

/** Takes the signs of the dead away. */
export async function clearSigns(store: Store, now: () => number): Promise<void> {
  for await (const { key, modifiedAt } of store.list(UPLOADS))
    if (await isAbandoned(store, { key, modifiedAt }, now)) await store.remove(key);
}

async function isAbandoned(
  store: Store,
  { key, modifiedAt }: { readonly key: string; readonly modifiedAt: number },
  now: () => number,
): Promise<boolean> {
  return now() - modifiedAt >= UPLOAD_DEAD_MS || isDead(await shownBy(store, key));
}

/** Undefined where nobody can say, or the sign has just gone: both are asked about again. */
async function shownBy(store: Store, key: string): Promise<Holder | undefined> {
  const bytes = await readBytes(store, key, 4096);
  try {
    return bytes && (JSON.parse(bytes.toString()) as { readonly by?: Holder }).by;
  } catch {
    return undefined;
  }
}

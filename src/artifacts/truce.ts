import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../core/error.js';
import type { Store } from '../store/store.js';
import { readBytes } from './bytes.js';
import { SWEEP, UPLOADS, uploadKey } from './layout.js';

/**
 * How writers and the sweeper keep out of each other's way, with nothing but a store that shows what was written: each
 * first says what it is about to do, then looks for the other. A writer has an object below `uploads/`; the sweeper has
 * `sweep`, which also counts the sweeps, so that a writer whose index is older than the last one reads it again.
 */
interface Sweep {
  readonly state: 'sweeping' | 'done';
  readonly epoch: string;
  /** Rises while the sweeper lives. */
  readonly beat: number;
}

const BEAT_MS = 5_000;
/** Without a sign of life for so long, a sweeper has died. It itself stops long before. */
const DEAD_MS = 60_000;
const SWEEPER_MS = 20_000;
/** An upload shows signs of life; one without for so long has died. */
const UPLOAD_BEAT_MS = 60_000;
export const UPLOAD_DEAD_MS = 30 * 60_000;

export async function epochOf(store: Store): Promise<string> {
  const sweep = await readSweep(store);
  // What is read while somebody deletes is older than the end of it.
  return sweep === undefined ? '' : sweep.state === 'sweeping' ? `before ${sweep.epoch}` : sweep.epoch;
}

async function readSweep(store: Store): Promise<Sweep | undefined> {
  const bytes = await readBytes(store, SWEEP, 4096);
  if (bytes === undefined) return undefined;
  try {
    const { state, epoch, beat } = JSON.parse(bytes.toString()) as Sweep;
    if ((state === 'sweeping' || state === 'done') && typeof epoch === 'string' && typeof beat === 'number')
      return { state, epoch, beat };
  } catch {
    // Cut short or damaged: as if somebody swept right now, until it is seen that nobody does.
  }
  return { state: 'sweeping', epoch: bytes.toString('hex'), beat: 0 };
}

const say = (store: Store, sweep: Sweep) => store.write(SWEEP, Buffer.from(`${JSON.stringify(sweep)}\n`));

export interface Upload {
  /** Of the last sweep before this upload: what was known before it may be gone. */
  readonly epoch: string;
  /** Throws if the sweeper gave this upload up for dead. */
  confirm(): Promise<void>;
  end(): Promise<void>;
}

/** Begins a write that nothing names yet. Waits while somebody sweeps. */
export async function beginUpload(store: Store, signal?: AbortSignal): Promise<Upload> {
  const key = uploadKey(randomBytes(12).toString('hex'));
  let beat = 0;
  const show = () => store.write(key, Buffer.from(`${++beat}\n`));
  let timer: NodeJS.Timeout | undefined;
  const end = async () => {
    clearInterval(timer);
    await store.remove(key).catch(() => {});
  };
  try {
    for (;;) {
      await show();
      const sweep = await readSweep(store);
      if (sweep?.state !== 'sweeping') {
        timer = setInterval(() => void show().catch(() => {}), UPLOAD_BEAT_MS).unref();
        return { epoch: sweep?.epoch ?? '', confirm, end };
      }
      // Withdrawn while we wait: the sweeper waits for all that it sees.
      await store.remove(key);
      await untilSwept(store, signal);
    }
  } catch (error) {
    await end();
    throw error;
  }

  async function confirm(): Promise<void> {
    if ((await store.head(key)) !== undefined) return;
    throw new StoreError('store/conflict', `${store.name}: this upload was taken for dead and cleaned away`, {
      store: store.name,
      key,
      retryable: true,
    });
  }
}

async function untilSwept(store: Store, signal: AbortSignal | undefined): Promise<void> {
  let seen: Sweep | undefined;
  let since = performance.now();
  for (let pause = 20; ; pause = Math.min(300, pause * 1.5)) {
    const now = await readSweep(store);
    if (now?.state !== 'sweeping') return;
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

/** Keeps writers out; undefined if those at work did not end within `waitMs`. */
export async function beginSweep(store: Store, now: () => number, waitMs: number): Promise<Sweeping | undefined> {
  const before = await readSweep(store);
  if (before?.state === 'sweeping') await untilSwept(store, undefined);
  const epoch = randomBytes(12).toString('hex');
  let beat = 0;
  let shown = 0;
  async function show(): Promise<void> {
    await say(store, { state: 'sweeping', epoch, beat: ++beat });
    shown = performance.now();
  }
  const end = () => say(store, { state: 'done', epoch, beat }).then(() => undefined);
  await show();
  const began = performance.now();
  for (let pause = 20; ; pause = Math.min(300, pause * 1.5)) {
    if (!(await anyUpload(store, now))) break;
    if (performance.now() - began > waitMs) {
      await end();
      return undefined;
    }
    await sleep(pause);
    if (performance.now() - shown > BEAT_MS) await show();
  }
  return {
    async check() {
      if (performance.now() - shown > SWEEPER_MS) throw lost(store);
      if (performance.now() - shown <= BEAT_MS) return;
      const current = await readSweep(store);
      if (current?.epoch !== epoch || current.state !== 'sweeping') throw lost(store);
      await show();
    },
    end,
  };
}

function lost(store: Store): StoreError {
  const message = `${store.name}: this clean-up stood still for too long, and others went on without it`;
  return new StoreError('store/conflict', message, { store: store.name, key: SWEEP, retryable: true });
}

async function anyUpload(store: Store, now: () => number): Promise<boolean> {
  for await (const { key, modifiedAt } of store.list(UPLOADS)) {
    if (now() - modifiedAt < UPLOAD_DEAD_MS) return true;
    await store.remove(key);
  }
  return false;
}

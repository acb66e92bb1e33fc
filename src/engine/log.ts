import { randomBytes } from 'node:crypto';
import {
  EMPTY_LOG,
  type Entry,
  fold,
  type Holder,
  type LogState,
  type RecordEntry,
  SLOT_VERSION,
  type Slot,
  type StoredRecord,
  unreadable,
} from '../core/slot.js';
import { parseSlot, slotText } from '../core/slot-text.js';
import { joinKey } from '../store/store-key.js';
import type { Cache } from './cache.js';
import { readWhole } from './cache.js';

/** A log as somebody read it: only from here can the next slot be written. */
export interface LogView extends LogState {
  /** The highest slot's number; 0 = no slot yet. */
  readonly n: number;
}

export type Appended =
  | { readonly won: true; readonly view: LogView }
  | { readonly won: false; readonly why: 'taken' | 'void' };

const DIGITS = 8;

/** One append-only log: slots under zero-padded numbers, each written put-if-absent. */
export class SlotLog {
  readonly #cache: Cache;
  /** Names the log in messages and orders the logs of one run. */
  readonly id: string;

  constructor(cache: Cache, id: string) {
    this.#cache = cache;
    this.id = id;
  }

  /** One LIST and one GET. */
  async read(): Promise<LogView> {
    const [numbers] = await Promise.all([this.#numbers(), this.#cache.timed]);
    let n = numbers.at(-1) ?? 0;
    // A listing may lag behind; what is named cannot be gone, since the highest slot is never removed.
    if (!this.#cache.store.traits.strongList && __SABOTAGE__ !== 'listing-believed')
      while (await this.#cache.store.head(this.#slotKey(n + 1))) n++;
    if (n === 0) return { n: 0, ...EMPTY_LOG };
    return { n, ...(await this.#stateAt(n, numbers)) };
  }

  /** Exactly one of those who read the same view writes the next slot. `taken`: somebody else did; read again. */
  async append(view: LogView, entry: Entry, by: Holder): Promise<Appended> {
    const n = view.n + 1;
    const at = this.#cache.now();
    const { n: _, ...before } = view;
    const state = fold(before, { entry, n, at, by });
    if ('void' in state) return { won: false, why: 'void' };
    const slot: Slot = { v: SLOT_VERSION, n, at, nonce: randomBytes(12).toString('hex'), by, entry, state };
    const body = new TextEncoder().encode(slotText(slot, this.#cache.hash));
    // biome-ignore format: between such a look and the write others write as well, as campaign F3 must show
    if (__SABOTAGE__ === 'check-then-write' && (await this.#cache.store.head(this.#slotKey(n)))) return { won: false, why: 'taken' };
    const { written } = await this.#cache.store.write(
      this.#slotKey(n),
      body,
      __SABOTAGE__ === 'no-if-absent' || __SABOTAGE__ === 'check-then-write' ? {} : { ifAbsent: true },
    );
    if (written) await this.#cache.changed?.();
    return written ? { won: true, view: { n, ...state } } : { won: false, why: 'taken' };
  }

  /** For what may wait its turn (release, commit after a pin, tombstones): reads on until it won or has no place any more. */
  async appendAfter(view: LogView, entry: Entry, by: Holder): Promise<Appended> {
    for (let known = view; ; known = await this.read()) {
      const appended = await this.append(known, entry, by);
      if (appended.won || appended.why === 'void') return appended;
    }
  }

  /** A record that is not the newest: its commit slot. Undefined if that is gone or unreadable. */
  async record({ slot, attempt }: RecordEntry): Promise<StoredRecord | undefined> {
    const entry = (await this.slot(slot))?.entry;
    return entry?.kind === 'commit' && entry.attempt === attempt ? entry.record : undefined;
  }

  async slot(n: number): Promise<Slot | undefined> {
    const bytes = await readWhole(this.#cache.store, this.#slotKey(n));
    return bytes && parseSlot(new TextDecoder().decode(bytes), n, this.#cache.hash);
  }

  async #stateAt(n: number, numbers: readonly number[]): Promise<LogState> {
    const slot = await this.slot(n);
    if (slot) return slot.state;
    // Bytes that nobody can read are no proof; what the slots before them say of older records still stands.
    const below = numbers.filter((number) => number < n).reverse();
    for (const number of below) {
      const older = await this.slot(number);
      if (older) return unreadable(older.state, n, this.#cache.now());
    }
    return unreadable(EMPTY_LOG, n, this.#cache.now());
  }

  async #numbers(): Promise<readonly number[]> {
    const names = await this.#names();
    return names
      .filter((name) => /^[0-9]{8}$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** A folder tells its names at once; each file's size and times, of which nobody asks, would be a look at each. */
  async #names(): Promise<readonly string[]> {
    const { store } = this.#cache;
    const prefix = `${this.id}/`;
    if (store.abilities.folders) return store.abilities.folders.names(prefix);
    const names: string[] = [];
    for await (const { key } of store.list(prefix)) names.push(key.slice(prefix.length));
    return names;
  }

  #slotKey(n: number) {
    return joinKey(...this.id.split('/'), String(n).padStart(DIGITS, '0'));
  }
}

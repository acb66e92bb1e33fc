import type { Holder } from '../core/slot.js';
import { surelyDead } from '../holder.js';
import { beatKey, type Cache, readWhole } from './cache.js';
import { isInUse, type Read } from './lease.js';

export interface WatchOptions {
  readonly self: Holder;
  /** No change of a heartbeat for so long, by our own clock, and its holder is taken for dead. */
  readonly ttlMs: number;
  /** A clock that never goes back. */
  readonly monotonic: () => number;
}

/** What one waiter saw of others' heartbeats. Wall clocks of two machines are never compared. */
export class Watch {
  readonly #cache: Cache;
  readonly #options: WatchOptions;
  readonly #seen = new Map<string, { readonly beat: string; readonly since: number }>();

  constructor(cache: Cache, options: WatchOptions) {
    this.#cache = cache;
    this.#options = options;
  }

  /** Does somebody, alive as far as can be told, hold this log and use it? */
  async isHeld({ log, view: { held } }: Read): Promise<boolean> {
    if (!held || __SABOTAGE__ === 'takeover-at-once') return false;
    const { self } = this.#options;
    if (held.by.beat === self.beat) return isInUse(log, self);
    if (surelyDead(held.by, self)) return false;
    return !(await this.#silent(held.by));
  }

  async #silent({ beat }: Holder): Promise<boolean> {
    // Of an answer that took long nobody knows when it was true: what is new counts from its end, what is old to its begin.
    const asked = this.#options.monotonic();
    const bytes = await readWhole(this.#cache.store, beatKey(beat));
    const text = bytes ? new TextDecoder().decode(bytes) : 'none';
    const known = this.#seen.get(beat);
    if (known?.beat !== text) {
      this.#seen.set(beat, { beat: text, since: this.#options.monotonic() });
      return false;
    }
    if (__SABOTAGE__ === 'silent-by-answer') return this.#options.monotonic() - known.since >= this.#options.ttlMs;
    return asked - known.since >= this.#options.ttlMs;
  }
}

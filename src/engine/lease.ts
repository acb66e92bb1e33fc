import type { Entry, Holder } from '../core/slot.js';
import type { Appended, LogView, SlotLog } from './log.js';

/** A log with what somebody read of it. */
export interface Read {
  readonly log: SlotLog;
  readonly view: LogView;
}

interface Held {
  readonly log: SlotLog;
  view: LogView;
  readonly attempt: number;
}

/** Leases on a key and its places, all taken or none. */
export class Lease {
  readonly #held: readonly Held[];
  readonly #by: Holder;

  private constructor(held: readonly Held[], by: Holder) {
    this.#held = held;
    this.#by = by;
  }

  /** In sorted order, so that two who want the same logs never wait for each other. Undefined: somebody was faster. */
  static async take(reads: readonly Read[], by: Holder): Promise<Lease | undefined> {
    const held: Held[] = [];
    try {
      for (const { log, view } of [...reads].sort((a, b) => (a.log.id < b.log.id ? -1 : 1))) {
        const taken = await log.append(view, { kind: 'acquire' }, by);
        if (!taken.won) {
          await new Lease(held, by).release({ untouched: true });
          return undefined;
        }
        held.push({ log, view: taken.view, attempt: taken.view.n });
      }
    } catch (error) {
      await new Lease(held, by).release({ untouched: true }).catch(() => undefined);
      throw error;
    }
    return new Lease(held, by);
  }

  /** The fencing token of a log. */
  attemptOf(log: SlotLog): number {
    return this.#find(log).attempt;
  }

  /** The fence: it wins the log's next number or, after a pin or tombstone, the one after; to a takeover it is void. */
  async append(log: SlotLog, entry: Entry): Promise<boolean> {
    const held = this.#find(log);
    const appended: Appended = await log.appendAfter(held.view, entry, this.#by);
    if (appended.won) held.view = appended.view;
    return appended.won;
  }

  /** Does every log still say that we hold it? */
  async stands(): Promise<boolean> {
    for (const held of this.#held) {
      const view = await held.log.read();
      if (view.held?.attempt !== held.attempt) return false;
      held.view = view;
    }
    return true;
  }

  /** Places before the key: who waits for the key finds the places free. */
  async release({ untouched }: { readonly untouched: boolean }): Promise<void> {
    let trouble: unknown;
    for (const held of [...this.#held].reverse()) {
      try {
        await held.log.appendAfter(held.view, { kind: 'release', attempt: held.attempt, untouched }, this.#by);
      } catch (error) {
        trouble ??= error;
      }
    }
    if (trouble !== undefined) throw trouble;
  }

  #find(log: SlotLog): Held {
    const held = this.#held.find((one) => one.log.id === log.id);
    if (!held) throw new Error(`internal: ${log.id} is not leased`);
    return held;
  }
}

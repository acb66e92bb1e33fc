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

/** By process, the logs that it is taking or has not given back yet, and how many times over. */
const inUse = new WeakMap<Holder, Map<string, number>>();

/**
 * Does this process use a lease on the log? One that it could not give back is used by nobody, though its heart goes on:
 * whoever wants the log next, in the same process, would wait for himself.
 */
export function isInUse({ id }: SlotLog, self: Holder): boolean {
  return inUse.get(self)?.has(id) ?? false;
}

function use(reads: readonly Read[], self: Holder): () => void {
  const used = inUse.get(self) ?? new Map<string, number>();
  inUse.set(self, used);
  const ids = reads.map(({ log }) => log.id);
  for (const id of ids) used.set(id, (used.get(id) ?? 0) + 1);
  return () => {
    for (const id of ids.splice(0)) {
      const others = used.get(id)! - 1;
      if (others > 0) used.set(id, others);
      else used.delete(id);
    }
  };
}

/** Leases on a key and its places, all taken or none. */
export class Lease {
  readonly #held: readonly Held[];
  readonly #by: Holder;
  readonly #over: () => void;

  private constructor(held: readonly Held[], by: Holder, over: () => void) {
    this.#held = held;
    this.#by = by;
    this.#over = over;
  }

  /** In sorted order, so that two who want the same logs never wait for each other. Undefined: somebody was faster. */
  static async take(reads: readonly Read[], by: Holder): Promise<Lease | undefined> {
    const held: Held[] = [];
    const lease = new Lease(held, by, use(reads, by));
    try {
      for (const { log, view } of [...reads].sort((a, b) => (a.log.id < b.log.id ? -1 : 1))) {
        const taken = await log.append(view, { kind: 'acquire' }, by);
        if (!taken.won) {
          await lease.release({ untouched: true });
          return undefined;
        }
        held.push({ log, view: taken.view, attempt: taken.view.n });
      }
    } catch (error) {
      await lease.release({ untouched: true }).catch(() => undefined);
      throw error;
    }
    return lease;
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
    this.#over();
    if (trouble !== undefined) throw trouble;
  }

  #find(log: SlotLog): Held {
    const held = this.#held.find((one) => one.log.id === log.id);
    if (!held) throw new Error(`internal: ${log.id} is not leased`);
    return held;
  }
}

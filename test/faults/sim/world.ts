import type { Entry, Untimed } from './trace.js';

export type Random = () => number;

interface Event {
  at: number;
  readonly order: number;
  readonly act: () => void;
  readonly owner: Process | undefined;
  cancelled: boolean;
}

/** One simulated process: what it waits for is released by the scheduler, later if it is paused, never if it is dead. */
export class Process {
  readonly id: number;
  dead = false;
  pausedUntil = 0;
  heartStopped = false;
  calls = 0;
  writes = 0;
  crashAtCall = Number.POSITIVE_INFINITY;
  crashAtWrite = Number.POSITIVE_INFINITY;
  pauseAtWrite = Number.POSITIVE_INFINITY;
  pauseMs = 0;
  readonly #world: World;

  constructor(world: World, id: number) {
    this.#world = world;
    this.id = id;
  }

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const event = this.#world.in(ms, resolve, this);
      signal?.addEventListener(
        'abort',
        () => {
          event.cancelled = true;
          reject(signal.reason);
        },
        { once: true },
      );
    });

  crash(): void {
    if (this.dead) return;
    this.dead = true;
    this.#world.note({ kind: 'crashed', by: this.id });
  }
}

/** A clock, a heap of events and what was seen: everything happens here, one thing at a time, in an order that the seed decides. */
export class World {
  readonly random: Random;
  readonly trace: Entry[] = [];
  readonly injected: Record<string, number> = {};
  now = 0;
  released = 0;
  readonly #heap: Event[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  note(entry: Untimed): void {
    this.trace.push({ t: this.now, ...entry } as Entry);
  }

  inject(what: string): void {
    this.injected[what] = (this.injected[what] ?? 0) + 1;
  }

  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  chance(p: number): boolean {
    return this.random() < p;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  in(ms: number, act: () => void, owner?: Process): Event {
    // Two events of one moment come in an order of chance.
    const event: Event = { at: this.now + Math.max(0, ms), order: this.random(), act, owner, cancelled: false };
    this.#push(event);
    return event;
  }

  /** Releases events until none is left (true) or the deadline is over (false). */
  async run(deadline: number): Promise<boolean> {
    for (;;) {
      await drained();
      let event: Event | undefined;
      for (;;) {
        event = this.#pop();
        if (!event) return true;
        const { owner } = event;
        if (event.cancelled || owner?.dead) continue;
        if (owner && owner.pausedUntil > event.at) {
          event.at = owner.pausedUntil + this.random();
          this.#push(event);
          continue;
        }
        break;
      }
      if (event.at > deadline) return false;
      this.now = Math.max(this.now, event.at);
      this.released += 1;
      event.act();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(event, heap[up]!)) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let next = 2 * at + 1;
      if (next >= heap.length) break;
      if (next + 1 < heap.length && before(heap[next + 1]!, heap[next]!)) next += 1;
      if (!before(heap[next]!, last)) break;
      heap[at] = heap[next]!;
      at = next;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Ticks come only when no promise has anything left to do: then every simulated process waits for an event. */
function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

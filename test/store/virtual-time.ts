import type { Sleep } from '../../src/store/backoff.js';

/** A clock that jumps to the next timer whenever everybody waits: no test sleeps, and no deadline is ever real. */
export class VirtualTime {
  #now = 0;
  readonly #timers: { readonly at: number; readonly wake: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly sleep: Sleep = (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = { at: this.#now + ms, wake: resolve };
      this.#timers.push(timer);
      signal?.addEventListener('abort', () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
        reject(signal.reason);
      });
    });

  get waiting(): number {
    return this.#timers.length;
  }

  /** Runs until the work has ended; a work that waits for nothing that could come is a test that fails. */
  async run<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const mark = () => {
      ended = true;
    };
    work.then(mark, mark);
    for (;;) {
      for (let turn = 0; turn < 40 && !ended; turn++) await Promise.resolve();
      if (!ended) await new Promise((resolve) => setImmediate(resolve));
      if (ended) return work;
      this.#timers.sort((a, b) => a.at - b.at);
      const next = this.#timers.shift();
      if (next === undefined) throw new Error('everybody waits and no timer is left: a hang');
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
  }
}

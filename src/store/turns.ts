/** So many at a time; the first come are the first served. */
export class Turns {
  #free: number;
  #waiting: (() => void)[] = [];
  #next = 0;

  constructor(free: number) {
    this.#free = free;
  }

  /** What it gives is called when the turn is over. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    return () => this.#leave();
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.take();
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #leave(): void {
    const go = this.#waiting[this.#next];
    if (go === undefined) {
      this.#free += 1;
      return;
    }
    this.#next += 1;
    if (this.#next === this.#waiting.length) [this.#waiting, this.#next] = [[], 0];
    go();
  }
}

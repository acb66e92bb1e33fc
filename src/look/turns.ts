/** So many at a time; the first come are the first served. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  #next = 0;

  constructor(free: number) {
    this.#free = free;
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    const go = this.#waiting[this.#next];
    if (go === undefined) {
      this.#free += 1;
      return;
    }
    this.#next += 1;
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#next = 0;
    }
    go();
  }
}

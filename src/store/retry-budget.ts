export interface BudgetOptions {
  /** How many retries may come in one burst. */
  readonly capacity: number;
  readonly perSecond: number;
}

/** A token bucket: a thousand callers of a dead store do not become a thousand times five requests. */
export class RetryBudget {
  readonly #options: BudgetOptions;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(options: BudgetOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
    this.#tokens = options.capacity;
    this.#at = now();
  }

  take(): boolean {
    const now = this.#now();
    const earned = (Math.max(0, now - this.#at) / 1000) * this.#options.perSecond;
    this.#tokens = Math.min(this.#options.capacity, this.#tokens + earned);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

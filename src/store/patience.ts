import { isStoreError, StoreError } from '../core/error.js';
import { pauseAfter, type Sleep } from './backoff.js';
import { within } from './deadline.js';
import { type BudgetOptions, RetryBudget } from './retry-budget.js';
import { type Waits, withDefaults } from './waits.js';

export interface RetryOptions extends Waits {
  /** Tries in all, the first included. */
  readonly attempts?: number;
  /** Shared by all calls of this store. */
  readonly budget?: BudgetOptions;
}

export interface Task {
  readonly verb: string;
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  /** It changes the store, so that a lost answer leaves it unclear what was done. */
  readonly changes?: boolean;
  /** Asked after a failure: could another try mean anything else than this one? */
  readonly mayRepeat?: () => boolean;
}

/** A stale handle is cured by opening the path again, or not at all. */
const STALE_TRIES = 3;

/** How long and how often one store is tried. */
export class Patience {
  readonly #name: string;
  readonly #attempts: number;
  readonly #waits: Required<Waits>;
  readonly #budget: RetryBudget;

  constructor(name: string, options: RetryOptions) {
    this.#name = name;
    this.#attempts = options.attempts ?? 5;
    this.#waits = withDefaults(options, { attemptMs: (deadlineMs) => deadlineMs, baseMs: 100, capMs: 5_000 });
    this.#budget = new RetryBudget(options.budget ?? { capacity: 200, perSecond: 20 }, this.#waits.now);
  }

  get deadlineMs(): number {
    return this.#waits.deadlineMs;
  }

  get sleep(): Sleep {
    return this.#waits.sleep;
  }

  async call<T>(
    task: Task,
    run: (signal: AbortSignal) => Promise<T>,
    controller: () => AbortController = () => new AbortController(),
  ): Promise<T> {
    const { attemptMs, deadlineMs, now, sleep } = this.#waits;
    const until = now() + deadlineMs;
    let unclear = false;
    for (let failures = 1; ; failures++) {
      const ms = Math.min(attemptMs, until - now());
      try {
        const limit = { ms, sleep, signal: task.signal, late: () => this.#late(task, ms) };
        return await within(run, limit, controller());
      } catch (error) {
        unclear ||= isStoreError(error) && error.facts.unclear === true;
        const pause = pauseAfter(failures, this.#waits);
        const another =
          !task.signal?.aborted &&
          isStoreError(error) &&
          error.facts.retryable === true &&
          (task.mayRepeat?.() ?? true) &&
          failures < (error.facts.status === 'ESTALE' ? Math.min(STALE_TRIES, this.#attempts) : this.#attempts) &&
          now() + pause < until &&
          this.#budget.take();
        if (!another) throw unclear ? stillUnclear(error) : error;
        await sleep(pause, task.signal);
      }
    }
  }

  #late({ verb, key, changes = false }: Task, ms: number): StoreError {
    return new StoreError(
      'store/unavailable',
      `${this.#name}: no answer to ${verb} ${key} within ${Math.round(ms)} ms`,
      {
        store: this.#name,
        key,
        retryable: true,
        unclear: changes,
      },
    );
  }
}

/** A clear refusal of the last try says nothing about an earlier one whose answer was lost. */
function stillUnclear(error: unknown): unknown {
  if (!isStoreError(error) || error.facts.unclear) return error;
  const { code, message, hint, facts } = error;
  return new StoreError(code, message, { ...facts, unclear: true }, { hint, cause: error });
}

import { isStoreError, StoreError } from '../core/error.js';
import { pauseAfter, type Sleep, sleep } from './backoff.js';
import { within } from './deadline.js';
import { type BudgetOptions, RetryBudget } from './retry-budget.js';

export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts?: number;
  readonly baseMs?: number;
  readonly capMs?: number;
  /** A call ends by then, answered or not; of a listing or a body, each wait for the next piece. */
  readonly deadlineMs?: number;
  /** One attempt's share of that: a single lost answer then costs no more than this. */
  readonly attemptMs?: number;
  /** Shared by all calls of this store. */
  readonly budget?: BudgetOptions;
  readonly sleep?: Sleep;
  readonly random?: () => number;
  /** A clock that never goes back. */
  readonly now?: () => number;
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
  readonly deadlineMs: number;
  readonly sleep: Sleep;
  readonly #name: string;
  readonly #attempts: number;
  readonly #attemptMs: number;
  readonly #backoff: { readonly baseMs: number; readonly capMs: number; readonly random: () => number };
  readonly #now: () => number;
  readonly #budget: RetryBudget;

  constructor(name: string, options: RetryOptions) {
    this.#name = name;
    this.#attempts = options.attempts ?? 5;
    this.deadlineMs = options.deadlineMs ?? 60_000;
    this.#attemptMs = options.attemptMs ?? this.deadlineMs;
    this.#backoff = {
      baseMs: options.baseMs ?? 100,
      capMs: options.capMs ?? 5_000,
      random: options.random ?? Math.random,
    };
    this.sleep = options.sleep ?? sleep;
    this.#now = options.now ?? (() => performance.now());
    this.#budget = new RetryBudget(options.budget ?? { capacity: 200, perSecond: 20 }, this.#now);
  }

  async call<T>(
    task: Task,
    run: (signal: AbortSignal) => Promise<T>,
    controller: () => AbortController = () => new AbortController(),
  ): Promise<T> {
    const until = this.#now() + this.deadlineMs;
    let unclear = false;
    for (let failures = 1; ; failures++) {
      const ms = Math.min(this.#attemptMs, until - this.#now());
      try {
        const limit = { ms, sleep: this.sleep, signal: task.signal, late: () => this.#late(task, ms) };
        return await within(run, limit, controller());
      } catch (error) {
        unclear ||= isStoreError(error) && error.facts.unclear === true;
        const pause = pauseAfter(failures, this.#backoff);
        const another =
          !task.signal?.aborted &&
          isStoreError(error) &&
          error.facts.retryable === true &&
          (task.mayRepeat?.() ?? true) &&
          failures < (error.facts.status === 'ESTALE' ? Math.min(STALE_TRIES, this.#attempts) : this.#attempts) &&
          this.#now() + pause < until &&
          this.#budget.take();
        if (!another) throw unclear ? stillUnclear(error) : error;
        await this.sleep(pause, task.signal);
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

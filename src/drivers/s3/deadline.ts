import { WireFault } from './wire.js';

/** One signal out of two reasons to stop: the caller's, and the total time. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, caller: AbortSignal | undefined) {
    caller?.throwIfAborted();
    this.#caller = caller;
    this.#onAbort = () => this.#controller.abort(caller?.reason);
    // By hand: AbortSignal.any leaks on Node 20 where the caller's signal lives long.
    caller?.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#controller.abort(new WireFault('timeout', `not finished within ${ms} ms`, true));
    }, ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The head of an answer is there; the caller may still break off. */
  stopClock(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  /** True if the caller wanted out: then the reason is theirs and no fault of the store. */
  get aborted(): boolean {
    return this.#caller?.aborted ?? false;
  }

  /** What really stopped the exchange, whatever error it surfaced as. */
  cause(error: unknown): unknown {
    return this.signal.aborted ? this.signal.reason : error;
  }
}

import { within } from './deadline.js';
import type { Patience, Task } from './patience.js';
import { stream } from './stream.js';

/** One try at a stream. It lives longer than the call that opens it, so it follows the caller's signal by itself. */
export class Opening<T> {
  readonly controller = new AbortController();
  items: AsyncIterator<T> | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #follow = () => this.controller.abort(this.#signal?.reason);

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#follow, { once: true });
  }

  /** Lets go of a stream that failed; it may be deaf, so nobody waits for it. */
  stop(): void {
    this.#release();
    this.items?.return?.().then(undefined, () => {});
  }

  /** Ends a stream that is well, and waits until it has closed what it holds. */
  async end(patience: Patience): Promise<void> {
    const { items } = this;
    this.#release();
    if (items?.return === undefined) return;
    const late = () => new Error('internal: a stream does not end');
    const limit = { ms: patience.deadlineMs, sleep: patience.sleep, late };
    await within(async () => items.return?.(), limit).catch(() => {});
  }

  #release(): void {
    this.#signal?.removeEventListener('abort', this.#follow);
    this.controller.abort();
  }
}

/** The items of a stream that is opened again - by `open`, which knows where it broke off - when a step fails. */
export function resuming<T>(
  patience: Patience,
  task: Task,
  open: (signal: AbortSignal) => Promise<AsyncIterator<T>>,
  opened?: Opening<T>,
): AsyncIterableIterator<T, undefined> {
  let current = opened;
  return stream<T>(
    () =>
      patience.call(
        task,
        async () => {
          const opening = current!;
          try {
            opening.items ??= await open(opening.controller.signal);
            return (await opening.items.next()) as IteratorResult<T, undefined>;
          } catch (error) {
            opening.stop();
            throw error;
          }
        },
        () => {
          // Aborted by its own failure or by the deadline: a try that is deaf to it still runs, and is left behind.
          if (current === undefined || current.controller.signal.aborted) {
            current?.stop();
            current = new Opening<T>(task.signal);
          }
          return current.controller;
        },
      ),
    async () => {
      if (current?.controller.signal.aborted) current.stop();
      else await current?.end(patience);
    },
  );
}

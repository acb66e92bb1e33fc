import { isStoreError } from '../core/error.js';
import { forward } from './forward.js';
import type { Store } from './store.js';
import { stream } from './stream.js';

interface LimitOptions {
  readonly concurrency: number;
}

/**
 * At most `concurrency` calls at once, first come first served; fewer, by half each time, where a server asks to slow
 * down, and one more again for each round of good answers. A listing or a body holds its place only while somebody
 * awaits its next piece: who lists and asks about each name in turn needs two places, one after the other, never both.
 */
export function limited(store: Store, { concurrency }: LimitOptions): Store {
  const places = new Places(concurrency);

  function paced<T>(items: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
    const from = items[Symbol.asyncIterator]();
    return stream<T>(
      () => places.hold(() => from.next() as Promise<IteratorResult<T, undefined>>, signal),
      // Ending needs no place: it frees things, and must not wait behind those that wait for them.
      async () => {
        await from.return?.();
      },
    );
  }

  const calls: Parameters<typeof forward>[1] = {
    head: (key, options) => places.hold(() => store.head(key, options), options?.signal),
    async read(key, options) {
      const found = await places.hold(() => store.read(key, options), options?.signal);
      return found && { head: found.head, body: paced(found.body, options?.signal) };
    },
    list: (prefix, options) => paced(store.list(prefix, options), options?.signal),
    write: (key, body, options) => places.hold(() => store.write(key, body, options), options?.signal),
    remove: (key, options) => places.hold(() => store.remove(key, options), options?.signal),
  };
  return forward(store, calls, {
    uploads: (inner) => ({
      openUploads: (prefix, options) => paced(inner.openUploads(prefix, options), options?.signal),
    }),
    multipart: (inner) => ({
      begin: (key, options) => places.hold(() => inner.begin(key, options), options?.signal),
      part: (upload, number, body, options) =>
        places.hold(() => inner.part(upload, number, body, options), options?.signal),
      complete: (upload, tags, options) => places.hold(() => inner.complete(upload, tags, options), options?.signal),
      abort: (upload, options) => places.hold(() => inner.abort(upload, options), options?.signal),
    }),
    pages: (inner) => ({ pages: (prefix, options) => paced(inner.pages(prefix, options), options?.signal) }),
    folders: (inner) => ({
      folders: (tree, options) => places.hold(() => inner.folders(tree, options), options?.signal),
      names: (tree, options) => places.hold(() => inner.names(tree, options), options?.signal),
    }),
    describe: (inner) => (options) => places.hold(() => inner(options), options?.signal),
    clock: (inner) => (options) => places.hold(() => inner(options), options?.signal),
  });
}

/** A burst is refused as a burst: the refusals of one round count once. */
const isBusy = (error: unknown): boolean =>
  isStoreError(error, 'store/unavailable') && (error.facts.status === 503 || error.facts.status === 429);

class Places {
  readonly #most: number;
  #width: number;
  #busy = 0;
  /** Good answers since the width changed. */
  #good = 0;
  /** Calls that were under way when it was halved: what they bring says nothing of the new width. */
  #stale = 0;
  readonly #queue = new Set<() => void>();

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`concurrency must be 1 or more, not ${count}`);
    this.#most = count;
    this.#width = count;
  }

  async hold<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (this.#busy < this.#width) this.#busy += 1;
    else await this.#turn(signal);
    try {
      const answer = await call();
      this.#learn(true);
      return answer;
    } catch (error) {
      if (isBusy(error)) this.#learn(false);
      throw error;
    } finally {
      this.#leave();
    }
  }

  #learn(good: boolean): void {
    if (this.#stale > 0) {
      this.#stale -= 1;
      return;
    }
    if (!good) {
      this.#width = Math.max(1, this.#width >> 1);
      this.#stale = this.#busy - 1;
      this.#good = 0;
      return;
    }
    this.#good += 1;
    if (this.#width === this.#most || this.#good < this.#width) return;
    this.#width += 1;
    this.#good = 0;
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#queue.delete(enter);
        reject(signal?.reason);
      };
      this.#queue.add(enter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** The place goes straight to the next in line: were it freed first, a newcomer could take it and the line starve. */
  #leave(): void {
    this.#busy -= 1;
    for (const next of this.#queue) {
      if (this.#busy >= this.#width) return;
      this.#busy += 1;
      this.#queue.delete(next);
      next();
    }
  }
}

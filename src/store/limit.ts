import { forward } from './forward.js';
import type { Store } from './store.js';
import { stream } from './stream.js';

interface LimitOptions {
  readonly concurrency: number;
}

/**
 * At most `concurrency` calls at once, first come first served. A listing or a body holds its place only while somebody
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
    pages: (inner) => ({ pages: (prefix, options) => paced(inner.pages(prefix, options), options?.signal) }),
    folders: (inner) => ({
      folders: (tree, options) => places.hold(() => inner.folders(tree, options), options?.signal),
    }),
    describe: (inner) => (options) => places.hold(() => inner(options), options?.signal),
    clock: (inner) => (options) => places.hold(() => inner(options), options?.signal),
  });
}

class Places {
  #free: number;
  readonly #queue = new Set<() => void>();

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`concurrency must be 1 or more, not ${count}`);
    this.#free = count;
  }

  async hold<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    try {
      return await call();
    } finally {
      this.#leave();
    }
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
    const [next] = this.#queue;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}

import { StepasideError } from '../core/error.js';
import { forward } from './forward.js';
import { monotonic } from './monotonic.js';
import type { Store } from './store.js';
import { stream } from './stream.js';

const VERBS = ['head', 'read', 'list', 'write', 'remove', 'uploads', 'multipart', 'folders', 'clock'] as const;
type Verb = (typeof VERBS)[number];

export interface Call {
  readonly verb: Verb;
  /** The key, or a listing's prefix; of the clock nothing. */
  readonly key: string;
  /** The time spent waiting for the store; what a reader did between two pieces is not in it. */
  readonly ms: number;
  /** Bytes of the body, one way or the other. */
  readonly bytes: number;
  /** Names listed. */
  readonly items: number;
  /** Our code, or the error's name where it is none of ours. */
  readonly error?: string;
}

interface CountsSnapshot {
  readonly calls: Readonly<Record<Verb, number>>;
  readonly ms: Readonly<Record<Verb, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly listed: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** Running totals; several stores may share one. */
export class StoreCounts {
  readonly #calls = zeros();
  readonly #ms = zeros();
  readonly #errors = new Map<string, number>();
  #bytesIn = 0;
  #bytesOut = 0;
  #listed = 0;

  add({ verb, ms, bytes, items, error }: Call): void {
    this.#calls[verb] += 1;
    this.#ms[verb] += ms;
    this.#listed += items;
    if (verb === 'write' || verb === 'multipart') this.#bytesOut += bytes;
    else this.#bytesIn += bytes;
    if (error !== undefined) this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1);
  }

  snapshot(): CountsSnapshot {
    return {
      calls: { ...this.#calls },
      ms: { ...this.#ms },
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      listed: this.#listed,
      errors: Object.fromEntries(this.#errors),
    };
  }
}

interface ObserveOptions {
  readonly counts?: StoreCounts;
  /** Told when a call has ended: a listing or a body when its reader is done with it. */
  readonly onCall?: (call: Call) => void;
  /** A clock that never goes back. */
  readonly now?: () => number;
}

export function observed(store: Store, options: ObserveOptions): Store {
  const now = options.now ?? monotonic;

  class Watch {
    readonly verb: Verb;
    readonly key: string;
    bytes = 0;
    items = 0;
    #ms = 0;
    #error: string | undefined;
    #told = false;

    constructor(verb: Verb, key: string) {
      this.verb = verb;
      this.key = key;
    }

    async timed<T>(call: () => Promise<T>): Promise<T> {
      const begun = now();
      try {
        return await call();
      } catch (error) {
        this.#error ??= nameOf(error);
        throw error;
      } finally {
        this.#ms += now() - begun;
      }
    }

    done(): void {
      if (this.#told) return;
      this.#told = true;
      const { verb, key, bytes, items } = this;
      const call = { verb, key, ms: this.#ms, bytes, items, ...(this.#error !== undefined && { error: this.#error }) };
      options.counts?.add(call);
      options.onCall?.(call);
    }
  }

  async function single<T>(verb: Verb, key: string, bytes: number, call: () => Promise<T>): Promise<T> {
    const watch = new Watch(verb, key);
    watch.bytes = bytes;
    try {
      return await watch.timed(call);
    } finally {
      watch.done();
    }
  }

  async function several<T>(verb: Verb, key: string, call: () => Promise<readonly T[]>): Promise<readonly T[]> {
    const watch = new Watch(verb, key);
    try {
      const found = await watch.timed(call);
      watch.items = found.length;
      return found;
    } finally {
      watch.done();
    }
  }

  function watched<T>(items: AsyncIterable<T>, watch: Watch, count: (item: T) => void): AsyncIterable<T> {
    const from = items[Symbol.asyncIterator]();
    return stream<T>(
      async () => {
        const result = (await watch.timed(() => from.next())) as IteratorResult<T, undefined>;
        if (!result.done) count(result.value);
        return result;
      },
      async () => {
        watch.done();
        await from.return?.();
      },
    );
  }

  const calls: Parameters<typeof forward>[1] = {
    head: (key, call) => single('head', key, 0, () => store.head(key, call)),
    async read(key, call) {
      const watch = new Watch('read', key);
      const found = await watch
        .timed(() => store.read(key, call))
        .catch((error: unknown) => {
          watch.done();
          throw error;
        });
      if (found === undefined) {
        watch.done();
        return undefined;
      }
      const body = watched(found.body, watch, (piece) => {
        watch.bytes += piece.byteLength;
      });
      return { head: found.head, body };
    },
    list(prefix, call) {
      const watch = new Watch('list', prefix);
      return watched(store.list(prefix, call), watch, () => {
        watch.items += 1;
      });
    },
    write: (key, body, call) => single('write', key, body.byteLength, () => store.write(key, body, call)),
    remove: (key, call) => single('remove', key, 0, () => store.remove(key, call)),
  };
  // What a store tells of itself without being asked over the wire (`describe`) is no call.
  return forward(store, calls, {
    uploads: (inner) => ({
      openUploads(prefix, call) {
        const watch = new Watch('uploads', prefix);
        return watched(inner.openUploads(prefix, call), watch, () => {
          watch.items += 1;
        });
      },
    }),
    multipart: (inner) => ({
      begin: (key, call) => single('multipart', key, 0, () => inner.begin(key, call)),
      part: (upload, number, body, call) =>
        single('multipart', upload.key, body.byteLength, () => inner.part(upload, number, body, call)),
      complete: (upload, tags, call) => single('multipart', upload.key, 0, () => inner.complete(upload, tags, call)),
      abort: (upload, call) => single('multipart', upload.key, 0, () => inner.abort(upload, call)),
    }),
    pages: (inner) => ({
      pages(prefix, call) {
        const watch = new Watch('list', prefix);
        return watched(inner.pages(prefix, call), watch, (page) => {
          watch.items += page.heads.length;
        });
      },
    }),
    folders: (inner) => ({
      folders: (tree, call) => several('folders', tree, () => inner.folders(tree, call)),
      names: (tree, call) => several('list', tree, () => inner.names(tree, call)),
    }),
    clock: (inner) => (call) => single('clock', '', 0, () => inner(call)),
  });
}

function nameOf(error: unknown): string {
  if (error instanceof StepasideError) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}

function zeros(): Record<Verb, number> {
  return Object.fromEntries(VERBS.map((verb) => [verb, 0])) as Record<Verb, number>;
}

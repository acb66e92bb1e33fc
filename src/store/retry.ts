import { StoreError } from '../core/error.js';
import { forward } from './forward.js';
import { Patience, type RetryOptions } from './patience.js';
import { Opening, resuming } from './resume.js';
import type { Abilities, CallOptions, Found, Head, ListOptions, ReadOptions, Store } from './store.js';
import { tapped } from './stream.js';

export type { RetryOptions } from './patience.js';

/**
 * Repeats what can be repeated without changing its meaning, where the error says that another try may succeed. An
 * `ifAbsent` write is tried once: its repeat would be answered `written: false` by its own success (see settle.ts).
 */
export function retrying(store: Store, options: RetryOptions = {}): Store {
  const patience = new Patience(store.name, options);
  const calls: Parameters<typeof forward>[1] = {
    head: (key, call) =>
      patience.call({ verb: 'head', key, signal: call?.signal }, (signal) => store.head(key, { ...call, signal })),
    read: (key, call) => read(store, patience, key, call),
    list: (prefix, call) =>
      listing(store, patience, prefix, call, {
        open: (options) => store.list(prefix, options),
        last: ({ key }) => key,
      }),
    write(key, body, call) {
      const mayRepeat = () => call?.ifAbsent !== true;
      return patience.call({ verb: 'write', key, signal: call?.signal, changes: true, mayRepeat }, (signal) =>
        store.write(key, body, { ...call, signal }),
      );
    },
    remove: (key, call) =>
      patience.call({ verb: 'remove', key, signal: call?.signal, changes: true }, (signal) =>
        store.remove(key, { ...call, signal }),
      ),
  };
  return forward(store, calls, {
    uploads: (inner) => ({ openUploads: (prefix, call) => openUploads(inner, patience, prefix, call) }),
    multipart: (inner) => {
      const again = { changes: true } as const;
      return {
        begin: (key, call) =>
          patience.call({ verb: 'write', key, signal: call?.signal, ...again }, (signal) =>
            inner.begin(key, { ...call, signal }),
          ),
        part: (upload, number, body, call) =>
          patience.call({ verb: 'write', key: upload.key, signal: call?.signal, ...again }, (signal) =>
            inner.part(upload, number, body, { ...call, signal }),
          ),
        // Its repeat would be told by its own success that there is no such upload: who asks looks at what is there.
        complete: (upload, tags, call) =>
          patience.call(
            { verb: 'write', key: upload.key, signal: call?.signal, changes: true, mayRepeat: () => false },
            (signal) => inner.complete(upload, tags, { ...call, signal }),
          ),
        abort: (upload, call) =>
          patience.call({ verb: 'remove', key: upload.key, signal: call?.signal, ...again }, (signal) =>
            inner.abort(upload, { ...call, signal }),
          ),
      };
    },
    pages: (inner) => ({
      pages: (prefix, call) =>
        listing(store, patience, prefix, call, {
          open: (options) => inner.pages(prefix, options),
          last: ({ heads }) => heads.at(-1)?.key,
        }),
    }),
    folders: (inner) => ({
      folders: (tree, call) =>
        patience.call({ verb: 'folders', key: tree, signal: call?.signal }, (signal) =>
          inner.folders(tree, { ...call, signal }),
        ),
      names: (tree, call) =>
        patience.call({ verb: 'list', key: tree, signal: call?.signal }, (signal) =>
          inner.names(tree, { ...call, signal }),
        ),
    }),
    describe: (inner) => (call) =>
      patience.call({ verb: 'describe', key: '', signal: call?.signal }, (signal) => inner({ ...call, signal })),
    clock: (inner) => (call) =>
      patience.call({ verb: 'clock', key: '', signal: call?.signal }, (signal) => inner({ ...call, signal })),
  });
}

async function read(
  store: Store,
  patience: Patience,
  key: string,
  options: ReadOptions = {},
): Promise<Found | undefined> {
  const task = { verb: 'read', key, signal: options.signal };
  let opening: Opening<Uint8Array> | undefined;
  const found = await patience
    .call(
      task,
      (signal) => store.read(key, { ...options, signal }),
      () => {
        opening?.stop();
        opening = new Opening(options.signal);
        return opening.controller;
      },
    )
    .catch((error: unknown) => {
      opening?.stop();
      throw error;
    });
  if (found === undefined || opening === undefined) {
    opening?.stop();
    return undefined;
  }
  const { head } = found;
  const { offset = 0, length = Number.POSITIVE_INFINITY } = options;
  const expected = Math.max(0, Math.min(length, head.size - offset));
  let reached = 0;

  /** Pieces of several answers make one body only if they are as many bytes as the head says: no driver sees the sum. */
  function counted(pieces: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
    return {
      async next() {
        let result = await pieces.next();
        // Nothing is no progress: handed on, it would begin the count of tries anew, for ever.
        while (!result.done && result.value.byteLength === 0) result = await pieces.next();
        const sum = reached + (result.done ? 0 : result.value.byteLength);
        if (sum > expected || (result.done && sum < expected)) throw wrongLength(sum, sum < expected);
        return result;
      },
      return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
    };
  }

  function wrongLength(sum: number, retryable: boolean): StoreError {
    const message = `${store.name}: ${key}: ${sum} bytes came, not ${expected}`;
    return new StoreError('store/bad-answer', message, { store: store.name, key, retryable });
  }
  opening.items = counted(found.body[Symbol.asyncIterator]());

  /** The rest of the same bytes: the tail of any other object would not fit the head. */
  async function reopen(signal: AbortSignal): Promise<AsyncIterator<Uint8Array>> {
    const rest = { offset: offset + reached, ...(length < Number.POSITIVE_INFINITY && { length: length - reached }) };
    const again = await store.read(key, { ...options, ...rest, signal });
    const pieces = again?.body[Symbol.asyncIterator]();
    if (pieces !== undefined && again !== undefined && same(head, again.head)) return counted(pieces);
    await pieces?.return?.();
    const facts = { store: store.name, key };
    throw new StoreError('store/conflict', `${store.name}: ${key} was replaced while it was read`, facts);
  }

  const pieces = resuming(patience, { ...task, mayRepeat: () => isTagged(head) }, reopen, opening);
  const body = tapped(pieces, (piece) => {
    reached += piece.byteLength;
  });
  return { head, body };
}

interface Listing<T> {
  readonly open: (options: ListOptions) => AsyncIterable<T>;
  /** The last key in it. */
  readonly last: (item: T) => string | undefined;
}

function listing<T>(
  store: Store,
  patience: Patience,
  prefix: string,
  options: ListOptions = {},
  how: Listing<T>,
): AsyncIterable<T> {
  let last: string | undefined;
  // What an unordered listing still owes after a given name cannot be asked for.
  const mayRepeat = () => last === undefined || store.traits.orderedList;
  const open = async (signal: AbortSignal) => {
    const after = last ?? options.after;
    return how.open({ ...options, ...(after !== undefined && { after }), signal })[Symbol.asyncIterator]();
  };
  const items = resuming(patience, { verb: 'list', key: prefix, signal: options.signal, mayRepeat }, open);
  return tapped(items, (item) => {
    last = how.last(item) ?? last;
  });
}

type Uploads = NonNullable<Abilities['uploads']>;

function openUploads(
  inner: Uploads,
  patience: Patience,
  prefix: string,
  options: CallOptions = {},
): ReturnType<Uploads['openUploads']> {
  let begun = false;
  // One key can have many uploads, so there is no name to go on after.
  const mayRepeat = () => !begun;
  const open = async (signal: AbortSignal) => inner.openUploads(prefix, { ...options, signal })[Symbol.asyncIterator]();
  const found = resuming(patience, { verb: 'uploads', key: prefix, signal: options.signal, mayRepeat }, open);
  return tapped(found, () => {
    begun = true;
  });
}

function isTagged(head: Head): boolean {
  return head.etag !== undefined || head.file !== undefined;
}

function same(a: Head, b: Head): boolean {
  return (
    isTagged(a) &&
    a.size === b.size &&
    a.etag === b.etag &&
    a.versionId === b.versionId &&
    a.file?.mtimeNs === b.file?.mtimeNs &&
    a.file?.ctimeNs === b.file?.ctimeNs &&
    a.file?.inode === b.file?.inode
  );
}

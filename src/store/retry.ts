import { StoreError } from '../core/error.js';
import { forward } from './forward.js';
import { Patience, type RetryOptions } from './patience.js';
import { Opening, resuming } from './resume.js';
import type { Found, Head, ListOptions, ReadOptions, Store } from './store.js';
import { stream } from './stream.js';

export type { RetryOptions } from './patience.js';

/**
 * Repeats what can be repeated without changing its meaning, where the error says that another try may succeed. An
 * `ifAbsent` write is tried once: its repeat would be answered `written: false` by its own success (see settle.ts).
 */
export function retrying(store: Store, options: RetryOptions = {}): Store {
  const patience = new Patience(store.name, options);
  return forward(store, {
    head: (key, call) =>
      patience.call({ verb: 'head', key, signal: call?.signal }, (signal) => store.head(key, { ...call, signal })),
    read: (key, call) => read(store, patience, key, call),
    list: (prefix, call) => list(store, patience, prefix, call),
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
  opening.items = found.body[Symbol.asyncIterator]();
  let reached = 0;

  /** The rest of the same bytes: the tail of any other object would not fit the head. */
  async function reopen(signal: AbortSignal): Promise<AsyncIterator<Uint8Array>> {
    const { offset = 0, length } = options;
    const rest = { offset: offset + reached, ...(length !== undefined && { length: length - reached }) };
    const again = await store.read(key, { ...options, ...rest, signal });
    const pieces = again?.body[Symbol.asyncIterator]();
    if (pieces !== undefined && again !== undefined && same(head, again.head)) return pieces;
    await pieces?.return?.();
    const facts = { store: store.name, key };
    throw new StoreError('store/conflict', `${store.name}: ${key} was replaced while it was read`, facts);
  }

  const pieces = resuming(patience, { ...task, mayRepeat: () => isTagged(head) }, reopen, opening);
  const body = stream<Uint8Array>(
    async () => {
      const result = await pieces.next();
      if (!result.done) reached += result.value.byteLength;
      return result;
    },
    async () => {
      await pieces.return?.();
    },
  );
  return { head, body };
}

function list(store: Store, patience: Patience, prefix: string, options: ListOptions = {}): AsyncIterable<Head> {
  let last: string | undefined;
  // What an unordered listing still owes after a given name cannot be asked for.
  const mayRepeat = () => last === undefined || store.traits.orderedList;
  const open = async (signal: AbortSignal) => {
    const after = last ?? options.after;
    return store.list(prefix, { ...options, ...(after !== undefined && { after }), signal })[Symbol.asyncIterator]();
  };
  const heads = resuming(patience, { verb: 'list', key: prefix, signal: options.signal, mayRepeat }, open);
  return stream<Head>(
    async () => {
      const result = await heads.next();
      if (!result.done) last = result.value.key;
      return result;
    },
    async () => {
      await heads.return?.();
    },
  );
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

import { StoreError } from '../core/error.js';
import { compareUtf8 } from '../core/utf8.js';
import type { CallOptions, Head, ListOptions, ReadOptions, Store, StoreTraits } from '../store/store.js';

interface MemoryOptions {
  readonly name?: string;
  readonly now?: () => number;
  readonly maxValueBytes?: number;
}

interface Item {
  readonly head: Head;
  readonly bytes: Uint8Array;
}

/** What a store is, in the fewest words: the reference that the other drivers are compared with. */
export function memoryStore(options: MemoryOptions = {}): Store {
  const { name = 'memory://', now = Date.now, maxValueBytes = 2 ** 30 } = options;
  const items = new Map<string, Item>();
  const traits: StoreTraits = {
    kind: 'memory',
    maxValueBytes,
    exclusiveCreate: 'yes',
    strongList: true,
    orderedList: true,
    remote: false,
  };
  let closed = false;
  let writes = 0;

  function enter(call: CallOptions | undefined, key?: string): void {
    if (closed) throw new StoreError('store/closed', `${name} is closed`, { store: name });
    call?.signal?.throwIfAborted();
    const why = key === undefined ? undefined : fault(key);
    if (why === undefined) return;
    throw new StoreError('store/bad-key', `${name}: ${why}`, { store: name, ...(key !== undefined && { key }) });
  }

  return {
    name,
    traits,
    abilities: {},

    async head(key, call) {
      enter(call, key);
      return items.get(key)?.head;
    },

    async read(key, call: ReadOptions = {}) {
      enter(call, key);
      const item = items.get(key);
      if (item === undefined) return undefined;
      const { offset = 0, length = item.bytes.byteLength } = call;
      const bytes = item.bytes.slice(offset, offset + length);
      return { head: item.head, body: once(bytes, () => enter(call)) };
    },

    async *list(prefix, call: ListOptions = {}) {
      enter(call);
      const { after } = call;
      const keys = [...items.keys()].filter(
        (key) => key.startsWith(prefix) && (after === undefined || compareUtf8(key, after) > 0),
      );
      for (const key of keys.sort(compareUtf8)) {
        enter(call);
        const item = items.get(key);
        if (item !== undefined) yield item.head;
      }
    },

    async write(key, body, call) {
      enter(call, key);
      if (body.byteLength > maxValueBytes) {
        const message = `${name}: ${key} has ${body.byteLength} bytes, more than ${maxValueBytes}`;
        throw new StoreError('store/too-large', message, { store: name, key });
      }
      if (call?.ifAbsent && items.has(key)) return { written: false };
      const etag = `write-${++writes}`;
      // A copy: what the caller does to his buffer afterwards is none of ours. (`slice` of a Buffer copies nothing.)
      items.set(key, { bytes: new Uint8Array(body), head: { key, size: body.byteLength, etag, modifiedAt: now() } });
      return { written: true, etag };
    },

    async remove(key, call) {
      enter(call, key);
      items.delete(key);
    },

    async close() {
      closed = true;
    },
  };
}

function fault(key: string): string | undefined {
  if (key === '') return 'a key cannot be empty';
  if (key.includes('\0')) return 'a key cannot hold NUL';
  return key.isWellFormed() ? undefined : 'a key must be valid Unicode';
}

async function* once(bytes: Uint8Array, enter: () => void): AsyncGenerator<Uint8Array> {
  enter();
  if (bytes.byteLength > 0) yield bytes;
}

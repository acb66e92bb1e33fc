import { type StoreCode, StoreError, type StoreFacts } from '../../src/core/error.js';
import { forward } from '../../src/store/forward.js';
import type { Store } from '../../src/store/store.js';

export const utf8 = new TextEncoder();
export const bytes = (text: string): Uint8Array => utf8.encode(text);

export function storeError(code: StoreCode, facts: Partial<StoreFacts> = {}): StoreError {
  return new StoreError(code, `fake ${code}`, { store: 'fake', ...facts });
}

export const retryable = (facts: Partial<StoreFacts> = {}): StoreError =>
  storeError('store/unavailable', { retryable: true, ...facts });

/** A call that is deaf to its signal and never ends. */
export const never = <T>(): Promise<T> => new Promise(() => {});

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function readAll(store: Store, key: string): Promise<string | undefined> {
  const found = await store.read(key);
  return found && Buffer.concat(await collect(found.body)).toString();
}

/** Before each call of a verb its script is asked: an error to throw, `never` to hang, nothing to let it pass. */
export type Script = (
  verb: 'head' | 'read' | 'write' | 'remove',
  key: string,
  call: number,
) => Error | 'hang' | undefined;

export function scripted(inner: Store, script: Script): { readonly store: Store; readonly calls: string[] } {
  const calls: string[] = [];
  async function act<T>(verb: Parameters<Script>[0], key: string, call: () => Promise<T>): Promise<T> {
    calls.push(`${verb} ${key}`);
    const fault = script(verb, key, calls.length);
    if (fault === 'hang') return never();
    if (fault !== undefined) throw fault;
    return call();
  }
  const store = forward(inner, {
    head: (key, call) => act('head', key, () => inner.head(key, call)),
    read: (key, call) => act('read', key, () => inner.read(key, call)),
    write: (key, body, call) => act('write', key, () => inner.write(key, body, call)),
    remove: (key, call) => act('remove', key, () => inner.remove(key, call)),
  });
  return { store, calls };
}

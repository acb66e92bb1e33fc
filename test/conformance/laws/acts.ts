import { expect } from 'vitest';
import { isStoreError, type StoreCode } from '../../../src/core/error.js';
import type { Head, ListOptions, ReadOptions, Store, WriteOptions } from '../../../src/store/store.js';

/** A listing that never ends must fail the test, not fill the memory. */
const manyKeys = 20_000;

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

export async function readAll(store: Store, key: string, options?: ReadOptions): Promise<Uint8Array | undefined> {
  const found = await store.read(key, options);
  return found === undefined ? undefined : await bytesOf(found.body);
}

export async function listAll(store: Store, prefix: string, options?: ListOptions): Promise<Head[]> {
  const all: Head[] = [];
  for await (const head of store.list(prefix, options)) {
    all.push(head);
    if (all.length > manyKeys) throw new Error(`the listing of ${prefix} does not end`);
  }
  return all;
}

export async function keysBelow(store: Store, prefix: string, options?: ListOptions): Promise<string[]> {
  return (await listAll(store, prefix, options)).map(({ key }) => key);
}

export async function put(store: Store, key: string, body: string | Uint8Array, options?: WriteOptions): Promise<void> {
  expect(await store.write(key, bytes(body), options)).toMatchObject({ written: true });
}

/** With a bounded number in flight: the laws are about stores, not about how many sockets a machine has. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < items.length) {
        const item = items[next] as T;
        next += 1;
        await act(item);
      }
    }),
  );
}

export function bytes(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

/** `toEqual` on a megabyte of bytes takes seconds. */
export function expectBytes(got: Uint8Array | undefined, wanted: Uint8Array): void {
  expect(got?.length).toBe(wanted.length);
  expect(Buffer.compare(got!, wanted) === 0, 'the bytes differ').toBe(true);
}

export async function expectCode(act: Promise<unknown>, ...codes: StoreCode[]): Promise<void> {
  const outcome = await act.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome))
    expect.fail(`wanted ${codes.join(' or ')}, got an answer: ${JSON.stringify(outcome.value)}`);
  if (!isStoreError(outcome.error)) throw outcome.error;
  expect(codes).toContain(outcome.error.code);
}

export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

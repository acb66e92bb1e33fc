import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/drivers/memory.js';
import { forward } from '../../src/store/forward.js';
import { type Call, observed, StoreCounts } from '../../src/store/observe.js';
import { bytes, collect, retryable } from './fakes.js';

describe('observed', () => {
  test('counts calls, bytes, names, errors and the time spent waiting for the store', async () => {
    let clock = 0;
    const memory = memoryStore();
    const inner = forward(memory, {
      head: async (key, call) => {
        clock += 7;
        return memory.head(key, call);
      },
      remove: () => Promise.reject(retryable()),
    });
    const counts = new StoreCounts();
    const calls: Call[] = [];
    const store = observed(inner, { counts, onCall: (call) => calls.push(call), now: () => clock });
    await store.write('a/1', bytes('12345'));
    await store.write('a/2', bytes('12'));
    await store.head('a/1');
    await store.head('none');
    await expect(store.remove('a/1')).rejects.toThrow();
    await expect(store.head('')).rejects.toThrow();
    for await (const _ of store.list('a/')) clock += 1000;
    const found = await store.read('a/1');
    clock += 1000;
    await collect(found!.body);
    await store.read('none');
    expect(counts.snapshot()).toEqual({
      calls: { head: 3, read: 2, list: 1, write: 2, remove: 1, uploads: 0, multipart: 0, folders: 0, clock: 0 },
      ms: { head: 21, read: 0, list: 0, write: 0, remove: 0, uploads: 0, multipart: 0, folders: 0, clock: 0 },
      bytesIn: 5,
      bytesOut: 7,
      listed: 2,
      errors: { 'store/unavailable': 1, 'store/bad-key': 1 },
    });
    expect(structuredClone(counts.snapshot())).toEqual(counts.snapshot());
    expect(calls.map(({ verb }) => verb)).toEqual([
      'write',
      'write',
      'head',
      'head',
      'remove',
      'head',
      'list',
      'read',
      'read',
    ]);
  });

  test('a listing that is broken off and a body that nobody reads are calls too', async () => {
    const counts = new StoreCounts();
    const store = observed(memoryStore(), { counts });
    await store.write('a', bytes('x'));
    await store.write('b', bytes('x'));
    for await (const _ of store.list('')) break;
    const found = await store.read('a');
    await found!.body[Symbol.asyncIterator]().return?.();
    expect(counts.snapshot()).toMatchObject({ calls: { list: 1, read: 1 }, listed: 1, bytesIn: 0 });
  });
});

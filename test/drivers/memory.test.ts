import { expect, test } from 'vitest';
import { memoryStore } from '../../src/drivers/memory.js';
import { bytes, collect, readAll } from '../store/fakes.js';

test('each write has its own tag and time, by the given clock', async () => {
  let clock = 1_000;
  const store = memoryStore({ now: () => clock++ });
  const first = await store.write('a', bytes('x'));
  const second = await store.write('a', bytes('x'));
  expect(first).not.toEqual(second);
  expect(await store.head('a')).toMatchObject({ modifiedAt: 1_001, size: 1 });
});

test('what the caller does to his bytes, before or after, changes nothing', async () => {
  const store = memoryStore();
  const body = bytes('abc');
  await store.write('a', body);
  body.fill(0);
  const [piece] = await collect((await store.read('a'))!.body);
  piece!.fill(0);
  expect(await readAll(store, 'a')).toBe('abc');
});

test('a listing skips what is removed while it runs', async () => {
  const store = memoryStore();
  for (const key of ['c', 'a', 'b']) await store.write(key, bytes(key));
  const seen: string[] = [];
  for await (const head of store.list('')) {
    seen.push(head.key);
    await store.remove('b');
  }
  expect(seen).toEqual(['a', 'c']);
});

test('bodies beyond the limit are refused', async () => {
  const store = memoryStore({ maxValueBytes: 3 });
  await expect(store.write('a', bytes('1234'))).rejects.toMatchObject({ code: 'store/too-large' });
  expect(await store.head('a')).toBeUndefined();
});

import { expect } from 'vitest';
import type { Law } from '../store-suite.js';
import { bytes, expectBytes, inParallel, keysBelow, put, readAll } from './acts.js';

export const writeLaws: readonly Law[] = [
  {
    law: 'the later write wins, and its size and bytes are those of the later one only',
    check: async ({ store, prefix }) => {
      const key = `${prefix}twice`;
      await put(store, key, 'a long first body');
      await put(store, key, 'short');
      expectBytes(await readAll(store, key), bytes('short'));
      expect(await store.head(key)).toMatchObject({ size: 5 });
    },
  },
  {
    law: "ifAbsent: the second gets false, and the first one's bytes stay",
    check: async ({ store, prefix }) => {
      const key = `${prefix}once`;
      const first = await store.write(key, bytes('first'), { ifAbsent: true });
      expect(first).toMatchObject({ written: true });
      expect(await store.write(key, bytes('second'), { ifAbsent: true })).toEqual({ written: false });
      expectBytes(await readAll(store, key), bytes('first'));
      // The tag of the answer is the tag of the object: an engine may keep it instead of asking again.
      if (first.written && first.etag !== undefined) expect((await store.head(key))?.etag).toBe(first.etag);
    },
  },
  {
    law: 'ifAbsent after a removal is a first write again',
    check: async ({ store, prefix }) => {
      const key = `${prefix}again`;
      await put(store, key, 'one', { ifAbsent: true });
      await store.remove(key);
      await put(store, key, 'two', { ifAbsent: true });
      expectBytes(await readAll(store, key), bytes('two'));
    },
  },
  {
    law: 'ifAbsent counts an empty object as present',
    check: async ({ store, prefix }) => {
      await put(store, `${prefix}empty`, '');
      expect(await store.write(`${prefix}empty`, bytes('x'), { ifAbsent: true })).toEqual({ written: false });
      expect(await store.head(`${prefix}empty`)).toMatchObject({ size: 0 });
    },
  },
  {
    law: 'removed is absent: to head, to read, to a listing; twice is fine, and so is what never was',
    check: async ({ store, prefix }) => {
      const key = `${prefix}gone`;
      await put(store, key, 'x');
      await put(store, `${prefix}stays`, 'y');
      await store.remove(key);
      expect(await store.head(key)).toBeUndefined();
      expect(await store.read(key)).toBeUndefined();
      expect(await keysBelow(store, prefix)).toEqual([`${prefix}stays`]);
      await store.remove(key);
      await store.remove(`${prefix}never/was`);
      expectBytes(await readAll(store, `${prefix}stays`), bytes('y'));
    },
  },
  {
    law: 'two hundred writes at once all arrive, each with its own bytes',
    check: async ({ store, prefix }) => {
      const keys = Array.from({ length: 200 }, (_, i) => `${prefix}${i % 10}/n${i}`);
      await Promise.all(keys.map((key) => put(store, key, `body of ${key}`)));
      await inParallel(keys, 16, async (key) => {
        expectBytes(await readAll(store, key), bytes(`body of ${key}`));
      });
      expect((await keysBelow(store, prefix)).length).toBe(200);
    },
  },
];

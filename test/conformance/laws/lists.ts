import { expect } from 'vitest';
import type { Store } from '../../../src/store/store.js';
import { intBelow } from '../random.js';
import type { Law } from '../store-suite.js';
import { byUtf8, inParallel, keysBelow, listAll, put } from './acts.js';

/** In the order the trait promises, or in ours where it promises none. */
function inOrder(store: Store, keys: readonly string[]): string[] {
  return store.traits.orderedList ? [...keys] : keys.toSorted(byUtf8);
}

export const listLaws: readonly Law[] = [
  {
    law: 'a prefix is plain text, no folder',
    check: async ({ store, prefix }) => {
      for (const name of ['a.x', 'a/b', 'a/c/d', 'ab', 'b']) await put(store, prefix + name, 'x');
      const below = async (start: string) =>
        inOrder(store, await keysBelow(store, prefix + start)).map((key) => key.slice(prefix.length));
      expect(await below('')).toEqual(['a.x', 'a/b', 'a/c/d', 'ab', 'b']);
      expect(await below('a')).toEqual(['a.x', 'a/b', 'a/c/d', 'ab']);
      expect(await below('a/')).toEqual(['a/b', 'a/c/d']);
      expect(await below('a/c')).toEqual(['a/c/d']);
      expect(await below('a/b')).toEqual(['a/b']);
      expect(await below('ab')).toEqual(['ab']);
      expect(await below('abc')).toEqual([]);
      expect(await below('a/b/')).toEqual([]);
      expect(await below('nothing/here')).toEqual([]);
    },
  },
  {
    law: 'a listing tells what head tells',
    check: async ({ store, prefix }) => {
      await put(store, `${prefix}one`, '1');
      await put(store, `${prefix}sub/four`, '4444');
      for (const listed of await listAll(store, prefix)) {
        const head = (await store.head(listed.key))!;
        expect(listed.size).toBe(head.size);
        expect(listed.etag).toBe(head.etag);
        expect(listed.file).toEqual(head.file);
        // HEAD over HTTP knows whole seconds, a listing often more.
        expect(Math.abs(listed.modifiedAt - head.modifiedAt)).toBeLessThan(1001);
      }
    },
  },
  {
    law: 'UTF-8 order where the trait says so, and every key once in any case',
    check: async ({ store, prefix }) => {
      // U+1F600 sorts after U+FF5E by bytes and before it by UTF-16 units; `-` sorts before `/`, `0` after it.
      const names = ['a-b', 'a/z', 'a0', 'Z', 'é', '～', '😀', '=', '_', 'a=b/c', 'ä/ö'];
      for (const name of names) await put(store, prefix + name, name);
      const wanted = names.map((name) => prefix + name).sort(byUtf8);
      expect(inOrder(store, await keysBelow(store, prefix))).toEqual(wanted);
      expect(inOrder(store, await keysBelow(store, prefix, { pageSize: 2 }))).toEqual(wanted);
    },
  },
  {
    law: '`after` gives the keys behind it, whether or not that key is there',
    check: async ({ store, prefix, random }) => {
      const keys = Array.from({ length: 30 }, (_, i) => `${prefix}${i % 3}/${String(i).padStart(3, '0')}`).sort(byUtf8);
      await inParallel(keys, 8, (key) => put(store, key, 'x'));
      const marks = [
        ...keys.filter(() => random() < 0.3),
        keys[0]!,
        keys.at(-1)!,
        `${prefix}1`,
        `${prefix}1/`,
        `${prefix}zz`,
      ];
      for (const after of marks) {
        const wanted = keys.filter((key) => byUtf8(key, after) > 0);
        expect(inOrder(store, await keysBelow(store, prefix, { after })), `after ${after}`).toEqual(wanted);
        const pageSize = 1 + intBelow(random, 7);
        expect(inOrder(store, await keysBelow(store, prefix, { after, pageSize })), `after ${after}`).toEqual(wanted);
      }
      // A mark before the whole prefix is no mark at all.
      expect(inOrder(store, await keysBelow(store, prefix, { after: prefix.slice(0, 1) }))).toEqual(keys);
    },
  },
  {
    law: 'more keys than a page holds come complete, each once; breaking off early is fine',
    check: async ({ store, prefix }) => {
      const keys = Array.from({ length: 1_100 }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`);
      await inParallel(keys, 32, (key) => put(store, key, 'x'));
      expect(inOrder(store, await keysBelow(store, prefix))).toEqual(keys);
      expect(inOrder(store, await keysBelow(store, prefix, { pageSize: 97 }))).toEqual(keys);
      // A hint above what a page can hold is a hint still.
      expect(inOrder(store, await keysBelow(store, prefix, { pageSize: 5_000 }))).toEqual(keys);
      for (let i = 0; i < 5; i += 1) {
        let seen = 0;
        for await (const { key } of store.list(prefix, { pageSize: 10 })) {
          expect(key.startsWith(prefix)).toBe(true);
          seen += 1;
          if (seen === 13) break;
        }
        expect(seen).toBe(13);
      }
    },
  },
  {
    law: 'a listing may be begun several times at once, and the same one twice',
    check: async ({ store, prefix }) => {
      for (const name of ['x', 'y', 'z']) await put(store, prefix + name, name);
      const all = await Promise.all(Array.from({ length: 10 }, () => keysBelow(store, prefix, { pageSize: 1 })));
      for (const keys of all) expect(inOrder(store, keys)).toEqual(['x', 'y', 'z'].map((name) => prefix + name));
    },
  },
];

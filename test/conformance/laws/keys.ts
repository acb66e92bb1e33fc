import { expect } from 'vitest';
import { isStoreError } from '../../../src/core/error.js';
import type { Store } from '../../../src/store/store.js';
import type { Law } from '../store-suite.js';
import { bytes, byUtf8, expectBytes, expectCode, keysBelow, listAll, put, readAll } from './acts.js';

/** Odd, and right on every server we met (../../../research: versitygw keeps 18 of 27, these are among them). */
const odd = [
  'a space',
  'plus+sign',
  'percent%41',
  'percent%zz',
  'percent%',
  'umlaut-ü',
  'nfd-u\u0308',
  'emoji-😀',
  'cjk-漢字',
  "quote'",
  'quote"',
  'amp&amp;',
  'lt<gt>',
  'hash#mark',
  'query?x=1&y=2',
  'eq=ual',
  'semi;colon',
  'comma,',
  'at@',
  'tilde~',
  '(parens)!*',
  '[brackets]{}|^`',
  'dt=2024-01-01/part-0',
];

export const keyLaws: readonly Law[] = [
  {
    law: 'odd keys are kept apart, found, listed and removed under their own names',
    check: async ({ store, prefix }) => {
      for (const name of odd) await put(store, prefix + name, `I am ${name}`);
      for (const name of odd) expectBytes(await readAll(store, prefix + name), bytes(`I am ${name}`));
      expect((await keysBelow(store, prefix)).sort(byUtf8)).toEqual(odd.map((name) => prefix + name).sort(byUtf8));
      for (const name of odd) {
        expect((await store.head(prefix + name))?.key, name).toBe(prefix + name);
        expect(
          (await listAll(store, prefix + name)).some(({ key }) => key === prefix + name),
          name,
        ).toBe(true);
        await store.remove(prefix + name);
        expect(await store.head(prefix + name), name).toBeUndefined();
      }
      expect(await keysBelow(store, prefix)).toEqual([]);
    },
  },
  {
    law: 'keys of our own form work to the limit: segments of 255 bytes, 900 bytes in all',
    check: async ({ store, prefix }) => {
      const segment = (length: number) => 'aZ09_.=-'.repeat(32).slice(0, length);
      const key = `${prefix}${[255, 255, 255].map(segment).join('/')}`;
      const long = `${key}/${segment(900 - Buffer.byteLength(key) - 1)}`;
      expect(Buffer.byteLength(long)).toBe(900);
      await put(store, long, 'long', { ifAbsent: true });
      expectBytes(await readAll(store, long), bytes('long'));
      expect(await keysBelow(store, prefix)).toEqual([long]);
    },
  },
  {
    law: 'a key that cannot be one is refused by every call, and nothing is written',
    check: ({ store, prefix }) => refuses(store, prefix, ['', `${prefix}lone\ud800`]),
  },
  {
    law: 'NUL in a key is refused by every call: neither a path nor the XML of a listing can hold it',
    check: ({ store, prefix }) => refuses(store, prefix, [`${prefix}nul\0`, `${prefix}\0`]),
  },
  {
    law: 'a key that looks like a path is itself or refused: never another key, never another place',
    check: async ({ store, prefix }) => {
      const sly = ['../up', 'x/../y', './z', 'a//b', '..', 'x/./q', '/lead', 'trail/'];
      await put(store, `${prefix}y`, 'untouched');
      const kept: string[] = [];
      for (const name of sly) {
        try {
          await store.write(prefix + name, bytes(name));
        } catch (error) {
          if (!isStoreError(error, 'store/bad-key')) throw error;
          // A name that cannot be written cannot be there either: an answer would be about some other object.
          await expectCode(store.head(prefix + name), 'store/bad-key');
          await expectCode(store.read(prefix + name), 'store/bad-key');
          await expectCode(store.remove(prefix + name), 'store/bad-key');
          continue;
        }
        kept.push(prefix + name);
      }
      for (const key of kept) expectBytes(await readAll(store, key), bytes(key.slice(prefix.length)));
      expectBytes(await readAll(store, `${prefix}y`), bytes('untouched'));
      expect((await keysBelow(store, prefix)).sort(byUtf8)).toEqual([...kept, `${prefix}y`].sort(byUtf8));
    },
  },
  {
    law: 'a key that is also a prefix is kept or refused: the first one stays what it was',
    check: async ({ store, prefix }) => {
      await put(store, `${prefix}f`, 'file');
      const below = `${prefix}f/x`;
      expect(await store.head(below), 'below a key there is nothing yet').toBeUndefined();
      let kept = true;
      try {
        await store.write(below, bytes('below'));
      } catch (error) {
        if (!isStoreError(error)) throw error;
        // Trying again can never help, so nobody may be told to.
        expect(error.facts.retryable ?? false).toBe(false);
        kept = false;
      }
      expectBytes(await readAll(store, `${prefix}f`), bytes('file'));
      if (kept) expectBytes(await readAll(store, below), bytes('below'));
      else expect(await store.head(below)).toBeUndefined();
      expect(await keysBelow(store, `${prefix}f`)).toEqual(kept ? [`${prefix}f`, below] : [`${prefix}f`]);
    },
  },
];

async function refuses(store: Store, prefix: string, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await expectCode(store.head(key), 'store/bad-key');
    await expectCode(store.read(key), 'store/bad-key');
    await expectCode(store.write(key, bytes('x')), 'store/bad-key');
    await expectCode(store.write(key, bytes('x'), { ifAbsent: true }), 'store/bad-key');
    await expectCode(store.remove(key), 'store/bad-key');
  }
  expect(await keysBelow(store, prefix)).toEqual([]);
}

import { expect } from 'vitest';
import { bytesFrom } from '../random.js';
import type { Law } from '../store-suite.js';
import { bytes, expectBytes, put, readAll } from './acts.js';

export const readLaws: readonly Law[] = [
  {
    law: 'what was never written is absent',
    check: async ({ store, prefix }) => {
      expect(await store.head(`${prefix}never`)).toBeUndefined();
      expect(await store.read(`${prefix}never`)).toBeUndefined();
      expect(await store.read(`${prefix}deep/down/never`, { offset: 3, length: 2 })).toBeUndefined();
    },
  },
  {
    law: 'bytes come back as they went, of any size and any value',
    check: async ({ store, prefix, random }) => {
      for (const size of [0, 1, 255, 64 * 1024, 1024 * 1024 + 1]) {
        const body = bytesFrom(random, size);
        await put(store, `${prefix}${size}.bin`, body);
        expectBytes(await readAll(store, `${prefix}${size}.bin`), body);
      }
      const every = Uint8Array.from({ length: 256 }, (_, value) => value);
      await put(store, `${prefix}every.bin`, every);
      expectBytes(await readAll(store, `${prefix}every.bin`), every);
    },
  },
  {
    law: 'the store keeps a copy: what the writer does to his buffer afterwards is not seen',
    check: async ({ store, prefix }) => {
      const mine = bytes('before');
      await put(store, `${prefix}copy`, mine);
      mine.fill(0);
      expectBytes(await readAll(store, `${prefix}copy`), bytes('before'));
      (await readAll(store, `${prefix}copy`))!.fill(0);
      expectBytes(await readAll(store, `${prefix}copy`), bytes('before'));
    },
  },
  {
    law: 'a window of a pooled buffer is written as that window',
    check: async ({ store, prefix }) => {
      const pool = bytes('....window....');
      await put(store, `${prefix}window`, pool.subarray(4, 10));
      expectBytes(await readAll(store, `${prefix}window`), bytes('window'));
    },
  },
  {
    law: 'head and read tell the same facts: key, size, a time of today, an ETag or what a file system knows',
    check: async ({ store, prefix }) => {
      const before = Date.now();
      const key = `${prefix}facts`;
      await put(store, key, '12345');
      const head = (await store.head(key))!;
      const found = (await store.read(key))!;
      for await (const _ of found.body);
      for (const facts of [head, found.head]) {
        expect(facts).toMatchObject({ key, size: 5 });
        // Whole seconds over HTTP, and the store's clock is not ours.
        expect(facts.modifiedAt).toBeGreaterThan(before - 60_000);
        expect(facts.modifiedAt).toBeLessThan(Date.now() + 60_000);
        expect([facts.etag !== undefined, facts.file !== undefined].filter(Boolean)).toHaveLength(1);
        expect(facts.archived ?? false).toBe(false);
      }
      expect(found.head.etag).toBe(head.etag);
      expect(found.head.file).toEqual(head.file);
      if (head.etag !== undefined) expect(head.etag).toMatch(/^[^"]+$/);
      if (head.file !== undefined)
        expect(Object.values(head.file).every((number) => /^[0-9]+$/.test(number))).toBe(true);
    },
  },
  {
    law: 'other content of the same size shows in the facts',
    check: async ({ store, prefix }) => {
      const key = `${prefix}changed`;
      await put(store, key, 'one');
      const first = (await store.head(key))!;
      await put(store, key, 'two');
      const second = (await store.head(key))!;
      expect({ etag: second.etag, file: second.file }).not.toEqual({ etag: first.etag, file: first.file });
    },
  },
  {
    law: 'a range is exactly that range, and past the end is empty',
    check: async ({ store, prefix }) => {
      const key = `${prefix}range`;
      await put(store, key, '0123456789');
      const rows: [offset: number | undefined, length: number | undefined, wanted: string][] = [
        [0, 3, '012'],
        [3, 4, '3456'],
        [9, 1, '9'],
        [7, undefined, '789'],
        [undefined, 2, '01'],
        [8, 100, '89'],
        [0, 100, '0123456789'],
        [10, undefined, ''],
        [10, 5, ''],
        [11, 1, ''],
        [1000, undefined, ''],
        [0, 0, ''],
        [4, 0, ''],
      ];
      for (const [offset, length, wanted] of rows) {
        const found = await store.read(key, {
          ...(offset === undefined ? {} : { offset }),
          ...(length === undefined ? {} : { length }),
        });
        expect(found, `${offset}+${length}`).toBeDefined();
        const pieces: Uint8Array[] = [];
        for await (const piece of found!.body) pieces.push(piece);
        expect(Buffer.concat(pieces).toString(), `${offset}+${length}`).toBe(wanted);
        expect(found!.head.size, `the size is the object's, not the range's, at ${offset}+${length}`).toBe(10);
      }
    },
  },
  {
    law: 'an empty object has empty ranges',
    check: async ({ store, prefix }) => {
      await put(store, `${prefix}empty`, '');
      expectBytes(await readAll(store, `${prefix}empty`), bytes(''));
      expectBytes(await readAll(store, `${prefix}empty`, { offset: 0, length: 10 }), bytes(''));
      expectBytes(await readAll(store, `${prefix}empty`, { offset: 5 }), bytes(''));
      expect(await store.head(`${prefix}empty`)).toMatchObject({ size: 0 });
    },
  },
  {
    law: 'a body that is left half read does no harm',
    check: async ({ store, prefix, random }) => {
      const body = bytesFrom(random, 300_000);
      await put(store, `${prefix}half`, body);
      for (let i = 0; i < 40; i += 1) {
        const found = (await store.read(`${prefix}half`))!;
        for await (const piece of found.body) {
          expect(Buffer.compare(piece, body.subarray(0, piece.length))).toBe(0);
          break;
        }
      }
      expectBytes(await readAll(store, `${prefix}half`), body);
    },
  },
];

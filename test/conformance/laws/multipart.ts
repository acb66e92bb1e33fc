import { expect } from 'vitest';
import { bytesFrom } from '../random.js';
import type { Law } from '../store-suite.js';
import { expectBytes, expectCode, keysBelow, readAll } from './acts.js';

const PART = 5 * 2 ** 20;

/** Only some stores take objects in parts; of the others these ask nothing. */
export const multipartLaws: readonly Law[] = [
  {
    law: 'an object in parts is not there before it is complete, and then has the bytes in the order of the parts',
    check: async ({ store, prefix, random }) => {
      const { multipart } = store.abilities;
      if (multipart === undefined) return;
      const key = `${prefix}in parts & "quoted"`;
      const body = bytesFrom(random, PART + 1000);
      const upload = await multipart.begin(key);
      const last = await multipart.part(upload, 2, body.subarray(PART));
      const first = await multipart.part(upload, 1, body.subarray(0, PART));
      expect(await store.head(key)).toBeUndefined();
      expect(await keysBelow(store, prefix)).toEqual([]);
      const { etag } = await multipart.complete(upload, [first, last]);
      expectBytes(await readAll(store, key), body);
      expect((await store.head(key))?.etag).toBe(etag);
      await multipart.abort(upload);
      expectBytes(await readAll(store, key), body);
    },
  },
  {
    law: 'an upload that was given up leaves nothing, and cannot be completed',
    check: async ({ store, prefix, random }) => {
      const { multipart } = store.abilities;
      if (multipart === undefined) return;
      const upload = await multipart.begin(`${prefix}given up`);
      const tag = await multipart.part(upload, 1, bytesFrom(random, 1000));
      await multipart.abort(upload);
      await multipart.abort(upload);
      // radosgw says 500 to that; what counts is that nothing is there.
      await expectCode(multipart.complete(upload, [tag]), 'store/conflict', 'store/unavailable');
      expect(await store.head(upload.key)).toBeUndefined();
    },
  },
];

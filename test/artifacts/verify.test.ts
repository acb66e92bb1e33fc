import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { putStream, putTree } from '../../src/artifacts/put.js';
import { restore } from '../../src/artifacts/restore.js';
import { verify } from '../../src/artifacts/verify.js';
import { StoreError } from '../../src/core/error.js';
import type { Store } from '../../src/store/store.js';
import { randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { allKeys, bytesOf, cutOnce, openBlobs, readAll } from './rig.js';

const MIB = 2 ** 20;

async function stored() {
  const folder = folderWith({ 'in/a': 'a', 'in/b': 'b' });
  const random = randomFrom(seedOfRun());
  fs.writeFileSync(join(folder, 'in/large'), bytesOf(random, 17 * MIB));
  fs.writeFileSync(join(folder, 'in/middle'), bytesOf(random, 2 * MIB));
  const blobs = await openBlobs();
  const { digest } = await putTree(blobs, join(folder, 'in'));
  return { folder, blobs, digest };
}

async function flip(blobs: Awaited<ReturnType<typeof openBlobs>>, key: string): Promise<void> {
  const bytes = await readAll(blobs.store, key);
  bytes[0]! ^= 1;
  await blobs.store.write(key, bytes);
}

describe('verify', () => {
  it('finds nothing in a good store, at any level', async () => {
    const { blobs } = await stored();
    for (const level of ['index', 'sample', 'full'] as const)
      expect(await verify(blobs, { level, share: 1 })).toMatchObject({ artifacts: 1, broken: [], bad: [] });
  });

  it('full: wrong bytes are put aside, the artifact is called broken, and a put mends it', async () => {
    const { folder, blobs, digest } = await stored();
    const [chunk] = await allKeys(blobs.store, 'v1/chunks/');
    const [pack] = await allKeys(blobs.store, 'v1/packs/');
    for (const key of [chunk!, pack!]) await flip(blobs, key);
    expect(await verify(await openBlobs(blobs.store), { level: 'index' })).toMatchObject({ broken: [] });
    const found = await verify(await openBlobs(blobs.store), { level: 'full' });
    expect(found.bad.map(({ key }) => key).sort()).toEqual([chunk, pack]);
    expect(found.broken.map((broken) => broken.digest)).toEqual([digest]);
    expect((await allKeys(blobs.store, 'v1/quarantine/')).length).toBe(2);
    await putTree(await openBlobs(blobs.store), join(folder, 'in'));
    expect(await verify(await openBlobs(blobs.store), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
  });

  it('index: what is gone is told', async () => {
    const { blobs, digest } = await stored();
    const [chunk] = await allKeys(blobs.store, 'v1/chunks/');
    await blobs.store.remove(chunk!);
    expect((await verify(blobs, { level: 'index' })).broken).toMatchObject([
      { digest, why: expect.stringContaining('gone') },
    ]);
  });

  it('a budget ends it, and the next one goes on from there, also in another process, until all is read', async () => {
    const { blobs } = await stored();
    const objects = (await allKeys(blobs.store)).filter((key) => /chunks|packs/.test(key)).length;
    let [checked, rounds] = [0, 0];
    for (let more = true; more; rounds++) {
      const found = await verify(await openBlobs(blobs.store), { level: 'full', budgetBytes: 1 });
      checked += found.checkedObjects;
      more = found.next !== undefined;
      expect(await allKeys(blobs.store, 'v1/verified')).toHaveLength(more ? 1 : 0);
    }
    expect([checked, rounds]).toEqual([objects, objects]);
    expect(await verify(blobs, { level: 'full', budgetBytes: 2 ** 40 })).toMatchObject({ checkedObjects: objects });
  });

  it('a note of where it ended that nobody can read begins anew; --after overrules it', async () => {
    const { blobs } = await stored();
    const all = await verify(blobs, { level: 'full' });
    const { next } = await verify(blobs, { level: 'full', budgetBytes: 1 });
    expect(await verify(blobs, { level: 'full', budgetBytes: 2 ** 40, after: 'v1/' })).toMatchObject({
      checkedObjects: all.checkedObjects,
    });
    await blobs.store.write('v1/verified', Buffer.from(`{"v":1,"after":"${next}`));
    expect(await verify(blobs, { level: 'full', budgetBytes: 2 ** 40 })).toMatchObject({
      checkedObjects: all.checkedObjects,
    });
  });

  it('what a sweeper takes meanwhile is not bad, and a lost index is no loss', async () => {
    const { blobs, digest } = await stored();
    const [index] = await allKeys(blobs.store, 'v1/indexes/');
    await blobs.store.remove(index!);
    expect(await verify(await openBlobs(blobs.store), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
    const [[pack], [chunk]] = [await allKeys(blobs.store, 'v1/packs/'), await allKeys(blobs.store, 'v1/chunks/')];
    const swept = {
      ...blobs.store,
      async *list(prefix: string) {
        yield* blobs.store.list(prefix);
        if (prefix === 'v1/packs/') yield { key: `v1/packs/${digest}`, size: 400, modifiedAt: 0 };
        if (prefix === 'v1/chunks/') yield { key: chunk!.replace(/[^/]*$/, digest), size: 400, modifiedAt: 0 };
      },
    };
    expect(pack).toBeDefined();
    expect(await verify(await openBlobs(swept), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
    expect(await allKeys(blobs.store, 'v1/quarantine/')).toEqual([]);
  });

  it('what was wrong on its way to us, and is right when it is read again, is neither bad nor put aside', async () => {
    const { blobs, folder, digest } = await stored();
    for (const part of ['/chunks/', '/packs/']) {
      const cut = cutOnce(blobs.store, (key) => key.includes(part));
      expect(await verify(await openBlobs(cut), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
      const again = await openBlobs(cutOnce(blobs.store, (key) => key.includes('/chunks/')));
      await restore(again, digest, join(folder, `out${part}`.replaceAll('/', '-'))).catch((error: Error) => error);
    }
    expect(await allKeys(blobs.store, 'v1/quarantine/')).toEqual([]);
    expect(await verify(await openBlobs(blobs.store), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
  });

  it('what is put while it looks is not broken', async () => {
    const { store } = (await stored()).blobs;
    let later = [Buffer.from('small'), bytesOf(randomFrom(seedOfRun() + 1), 2 * MIB)];
    const busy: Store = {
      ...store,
      async *list(prefix, call) {
        if (prefix === 'v1/artifacts/') {
          for (const bytes of later) await putStream(await openBlobs(store), [bytes]);
          later = [];
        }
        yield* store.list(prefix, call);
      },
    };
    expect(await verify(await openBlobs(busy), { level: 'index' })).toMatchObject({ artifacts: 3, broken: [] });
  });

  it('says what could not be put aside', async () => {
    const { blobs } = await stored();
    const [chunk] = await allKeys(blobs.store, 'v1/chunks/');
    await flip(blobs, chunk!);
    const readOnly: Store = {
      ...blobs.store,
      write: async (key) => {
        throw new StoreError('store/denied', `${key}: no`, { store: 'read-only' });
      },
    };
    const found = await verify(await openBlobs(readOnly), { level: 'full' });
    expect(found).toMatchObject({ bad: [{ key: chunk, left: true }] });
    expect(await allKeys(blobs.store, 'v1/quarantine/')).toEqual([]);
  });

  it('reads also the blobs of packs that no index names', async () => {
    const { blobs } = await stored();
    for (const key of await allKeys(blobs.store, 'v1/indexes/')) await blobs.store.remove(key);
    const [pack] = await allKeys(blobs.store, 'v1/packs/');
    const bytes = await readAll(blobs.store, pack!);
    bytes[0]! ^= 1;
    await blobs.store.write(pack!, bytes);
    expect((await verify(await openBlobs(blobs.store), { level: 'full' })).bad).toMatchObject([{ key: pack }]);
  });
});

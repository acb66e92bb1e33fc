import fs from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { putFileArtifact, putTree } from '../../src/artifacts/put.js';
import { putObject, putObjects } from '../../src/artifacts/put-objects.js';
import { restore } from '../../src/artifacts/restore.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { wrap } from '../../src/preset.js';
import { observed, StoreCounts } from '../../src/store/observe.js';
import type { Store } from '../../src/store/store.js';
import { randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import { bytesOf, openBlobs, snapshot } from './rig.js';

const MIB = 2 ** 20;
const seed = seedOfRun();

describe('artifacts on S3', () => {
  let store: Store;
  let counts: StoreCounts;
  beforeAll(async () => {
    const { endpoint, region, credentials } = rigServer();
    counts = new StoreCounts();
    const driver = s3Store({ bucket: await freshBucket(), endpoint, region, credentials, pathStyle: true });
    store = wrap(observed(driver, { counts }));
  });

  it('a tree of 500 small files is a handful of requests each way', async () => {
    const folder = folderWith();
    fs.mkdirSync(join(folder, 'in'));
    for (let i = 0; i < 500; i++) fs.writeFileSync(join(folder, 'in', `${i}`), bytesOf(randomFrom(i), 4096));
    const calls = () => Object.values(counts.snapshot().calls).reduce((a, b) => a + b);
    let before = calls();
    const { digest } = await putTree(await openBlobs(store), join(folder, 'in'));
    expect(calls() - before).toBeLessThan(14);
    before = calls();
    await restore(await openBlobs(store), digest, join(folder, 'out'));
    expect(calls() - before).toBeLessThan(14);
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'in')));
  });

  it('a put that was broken off goes on with the chunks that are there', async () => {
    const folder = folderWith();
    fs.writeFileSync(join(folder, 'in'), bytesOf(randomFrom(seed), 40 * MIB));
    const stop = new AbortController();
    const tally = { files: 0, bytes: 0, at: 0, storedBytes: 0, thereBytes: 0 };
    Object.defineProperty(tally, 'storedBytes', {
      get: () => tally.at,
      set(bytes: number) {
        tally.at = bytes;
        if (bytes >= 16 * MIB) stop.abort(new Error('enough'));
      },
    });
    const broken: Store = {
      ...store,
      traits: store.traits,
      abilities: store.abilities,
      write: async (key, body, options) => {
        stop.signal.throwIfAborted();
        return store.write(key, body, options);
      },
    };
    await expect(putFileArtifact(await openBlobs(broken), join(folder, 'in'), { tally })).rejects.toThrow('enough');
    const again = await putFileArtifact(await openBlobs(store), join(folder, 'in'));
    expect(again.tally.storedBytes).toBeLessThanOrEqual(24 * MIB + 1000);
    await restore(await openBlobs(store), again.digest, join(folder, 'out'));
    expect(fs.readFileSync(join(folder, 'out')).equals(fs.readFileSync(join(folder, 'in')))).toBe(true);
  });

  it('objects are put as a tree, and the tree is the one of equal files', async () => {
    const folder = folderWith({ 'in/a': 'a', 'in/b/c': 'c' });
    fs.writeFileSync(join(folder, 'in/big'), bytesOf(randomFrom(seed + 1), 9 * MIB));
    for (const name of ['a', 'b/c', 'big'])
      await store.write(`data/${name}`, fs.readFileSync(join(folder, 'in', name)));
    for (const name of ['', '_SUCCESS', 'b/']) await store.write(`data/${name}`, new Uint8Array());
    const blobs = await openBlobs();
    const { digest } = await putObjects(blobs, store, 'data/', { marker: '_SUCCESS' });
    for (const name of ['a', 'b/c', 'big']) fs.chmodSync(join(folder, 'in', name), 0o644);
    expect((await putTree(blobs, join(folder, 'in'))).digest).toBe(digest);
    const one = await putObject(blobs, store, 'data/big');
    expect((await putFileArtifact(blobs, join(folder, 'in/big'))).digest).toBe(one.digest);
    await expect(putObject(blobs, store, 'data/none')).rejects.toMatchObject({ code: 'integrity/missing' });
  });

  it('what a server lists in another order is the same artifact, and counted once', async () => {
    const from = memoryStore();
    for (let i = 0; i < 60; i++) await from.write(`in/${i % 7}/${i}`, Buffer.from(`${i % 5}`));
    const asListed = await putObjects(await openBlobs(), from, 'in/');
    const shuffled: Store = Object.assign(Object.create(from), {
      async *list(prefix: string) {
        const all = [];
        for await (const head of from.list(prefix)) all.push(head);
        yield* [...all.slice(30), ...all.slice(0, 30)];
      },
    });
    const { digest, tally } = await putObjects(await openBlobs(), shuffled, 'in/');
    expect(digest).toBe(asListed.digest);
    expect(tally).toMatchObject({ files: 60, bytes: 60 });
  });

  it('objects that change while they are read are noticed', async () => {
    await store.write('moving/a', Buffer.from('a'));
    const moving: Store = {
      ...store,
      traits: store.traits,
      abilities: store.abilities,
      list: (prefix, options) => store.list(prefix, options),
      read: async (key, options) => {
        const found = await store.read(key, options);
        await store.write('moving/b', Buffer.from('b'));
        return found;
      },
    };
    const blobs = await openBlobs();
    await expect(putObjects(blobs, moving, 'moving/')).rejects.toMatchObject({ code: 'integrity/changed' });
  });

  it('a small object that is not the one that was listed is noticed', async () => {
    await store.write('stale/a', Buffer.from('old'));
    const old = (await store.head('stale/a'))!;
    await store.write('stale/a', Buffer.from('new'));
    const stale: Store = {
      ...store,
      traits: store.traits,
      abilities: store.abilities,
      list: (prefix, options) => store.list(prefix, options),
      read: async () => ({
        head: old,
        body: (async function* () {
          yield Buffer.from('old');
        })(),
      }),
    };
    await expect(putObjects(await openBlobs(), stale, 'stale/')).rejects.toMatchObject({ code: 'integrity/changed' });
  });
});

import fs from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Blobs } from '../../src/artifacts/blobs.js';
import { partSizeOf } from '../../src/artifacts/object-shape.js';
import { putFileArtifact, putTree } from '../../src/artifacts/put.js';
import { restoreObjects } from '../../src/artifacts/restore-objects.js';
import { StoreError } from '../../src/core/error.js';
import { fsStore } from '../../src/drivers/fs.js';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { wrap } from '../../src/preset.js';
import { observed, StoreCounts } from '../../src/store/observe.js';
import type { Abilities, Store } from '../../src/store/store.js';
import { randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import { allKeys, bytesOf, openBlobs, readAll } from './rig.js';

const MIB = 2 ** 20;
const seed = seedOfRun();
let bucket: string;
let counts: StoreCounts;
let store: Store;
let blobs: Blobs;
let folder: string;
const files: Record<string, Buffer> = {};

function open(more: (driver: Store) => Store = (driver) => driver): Store {
  const { endpoint, region, credentials } = rigServer();
  const driver = s3Store({ bucket, endpoint, region, credentials, pathStyle: true });
  return wrap(more(observed(driver, { counts })));
}

beforeAll(async () => {
  bucket = await freshBucket();
  const sizes = { a: 3, 'b/c': 40_000, 'b/empty': 0, mid: 3 * MIB, 'dir/large': 20 * MIB + 17 };
  for (const [name, size] of Object.entries(sizes)) files[name] = bytesOf(randomFrom(seed + size), size);
});

beforeEach(async () => {
  folder = folderWith();
  counts = new StoreCounts();
  store = open();
  blobs = await openBlobs(fsStore({ root: join(folder, 'cache') }));
});

async function putAll(): Promise<Parameters<typeof restoreObjects>[1]> {
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(join(folder, 'in', name, '..'), { recursive: true });
    fs.writeFileSync(join(folder, 'in', name), bytes);
  }
  return (await putTree(blobs, join(folder, 'in'))).digest;
}

let at = 0;
const place = () => ({ store, key: `t${++at}/` });
const calls = () => counts.snapshot().calls;

async function expectAll(key: string): Promise<void> {
  expect(await allKeys(store, key)).toEqual(
    Object.keys(files)
      .sort()
      .map((name) => key + name),
  );
  for (const [name, bytes] of Object.entries(files))
    expect((await readAll(store, key + name)).equals(bytes)).toBe(true);
}

describe('restore to S3', () => {
  it('a tree is there byte by byte, with as many requests as it has pieces, and the tags that are told', async () => {
    const digest = await putAll();
    const to = place();
    const { how, parts, tally } = await restoreObjects(blobs, digest, to);
    expect(how).toBe('new');
    // 20 MiB are three parts, begun and completed; an unknown bucket is asked for once.
    expect(calls()).toMatchObject({ head: 0, read: 0, list: 1, uploads: 1, write: 4, multipart: 5, remove: 0 });
    expect(tally).toMatchObject({ files: 5, bytes: Object.values(files).reduce((sum, one) => sum + one.length, 0) });
    await expectAll(to.key);
    for (const { path, etag, size } of parts) expect(await store.head(to.key + path)).toMatchObject({ etag, size });
  });

  it('what is there and right stays: by its recorded tag unread, else by its bytes', async () => {
    const digest = await putAll();
    const to = place();
    const { parts } = await restoreObjects(blobs, digest, to);
    const tags = new Map(parts.map(({ path, etag }) => [path, etag]));
    await store.remove(`${to.key}mid`);
    let before = calls();
    const filled = await restoreObjects(blobs, digest, to, { tagOf: (path) => tags.get(path) });
    expect(filled.how).toBe('filled');
    expect(calls()).toMatchObject({ read: before.read, write: before.write + 1, multipart: before.multipart });
    before = calls();
    expect((await restoreObjects(blobs, digest, to)).how).toBe('kept');
    expect(calls()).toMatchObject({ read: before.read + 5, write: before.write, multipart: before.multipart });
    await expectAll(to.key);
  });

  it('one wrong part, and nothing of it stays: all are written anew', async () => {
    const digest = await putAll();
    const to = place();
    await restoreObjects(blobs, digest, to);
    await store.write(`${to.key}a`, Buffer.from('xyz'));
    const before = calls();
    expect((await restoreObjects(blobs, digest, to)).how).toBe('replaced');
    expect(calls()).toMatchObject({ write: before.write + 4, multipart: before.multipart + 5 });
    await expectAll(to.key);
  });

  it('what is no part of it is in the way, and nothing is touched; it goes where that was asked for', async () => {
    const digest = await putAll();
    const to = place();
    await store.write(`${to.key}note`, Buffer.from('mine'));
    await store.write(`${to.key}dt=1/`, new Uint8Array());
    const before = calls();
    await expect(restoreObjects(blobs, digest, to)).rejects.toMatchObject({ code: 'store/conflict' });
    expect(calls()).toMatchObject({ write: before.write, multipart: 0, remove: 0 });
    // Who asks for a part leaves it alone.
    const part = await restoreObjects(blobs, digest, to, { only: (path) => path.startsWith('dir/') });
    expect(part.how).toBe('new');
    await restoreObjects(blobs, digest, to, { replace: true });
    await store.remove(`${to.key}dt=1/`);
    await expectAll(to.key);
  });

  it('of an artifact that is not whole nothing goes, and nothing comes over what is there', async () => {
    const digest = await putAll();
    const to = place();
    await store.write(`${to.key}precious`, Buffer.from('mine'));
    await store.write(`${to.key}a`, Buffer.from('mine, too'));
    const chunks = await allKeys(blobs.store, 'v1/chunks/');
    await blobs.store.remove(chunks[0]!);
    await expect(restoreObjects(blobs, digest, to, { replace: true })).rejects.toMatchObject({
      code: 'integrity/missing',
      hint: 'nothing was touched',
    });
    expect(await allKeys(store, to.key)).toEqual([`${to.key}a`, `${to.key}precious`]);
    expect((await readAll(store, `${to.key}a`)).toString()).toBe('mine, too');
  });

  it('our markers go before the first byte comes, and stay where nothing does', async () => {
    const digest = await putAll();
    const to = place();
    const markers = [`${to.key}_stepaside.json`, `${to.key}dir/_stepaside.json`];
    for (const key of markers) await store.write(key, Buffer.from('{}'));
    let seen: readonly string[] | undefined;
    const watched: Store = Object.assign(Object.create(store), {
      async write(...words: Parameters<Store['write']>) {
        seen ??= await allKeys(store, to.key);
        return store.write(...words);
      },
    });
    await restoreObjects(blobs, digest, { ...to, store: watched });
    expect(seen).toEqual([]);
    await expectAll(to.key);
    await store.write(markers[0]!, Buffer.from('{}'));
    expect((await restoreObjects(blobs, digest, to)).how).toBe('kept');
    expect(await allKeys(store, to.key)).toContain(markers[0]);
    await store.write(`${to.key}a`, Buffer.from('xyz'));
    expect((await restoreObjects(blobs, digest, to, { only: (path) => path === 'a' })).how).toBe('filled');
    await expectAll(to.key);
  });

  it('bytes that are damaged in the store never arrive; uploads that were begun are given up', async () => {
    const digest = await putAll();
    const chunk = (await allKeys(blobs.store, 'v1/chunks/')).find((key) => key.length > 0)!;
    const large = blobs.hash.digest(files['dir/large']!.subarray(8 * MIB, 16 * MIB));
    const key = (await allKeys(blobs.store, 'v1/chunks/')).find((one) => one.endsWith(large)) ?? chunk;
    const bytes = await readAll(blobs.store, key);
    bytes[1000]! ^= 1;
    await blobs.store.write(key, bytes);
    const to = place();
    await expect(restoreObjects(blobs, digest, to)).rejects.toMatchObject({ code: 'integrity/digest' });
    expect(await store.head(`${to.key}dir/large`)).toBeUndefined();
    const left: string[] = [];
    for await (const { key } of store.abilities.uploads!.openUploads(to.key)) left.push(key);
    expect(left).toEqual([]);
  });

  it('uploads that somebody left who was killed are ended where nobody else writes, and those of others never', async () => {
    const digest = await putAll();
    const to = place();
    const multipart = store.abilities.multipart!;
    const left = await multipart.begin(`${to.key}dir/large`);
    await multipart.part(left, 1, files['dir/large']!.subarray(0, 8 * MIB));
    const others = await multipart.begin(`${to.key}dir/larger`);
    const open = async () => {
      const keys: string[] = [];
      for await (const { key } of store.abilities.uploads!.openUploads(to.key)) keys.push(key.slice(to.key.length));
      return keys.sort();
    };
    // Whoever holds no leases may have company, and waits for a day.
    await restoreObjects(blobs, digest, to);
    expect(await open()).toEqual(['dir/large', 'dir/larger']);
    expect((await restoreObjects(blobs, digest, to, { alone: true })).how).toBe('kept');
    expect(await open()).toEqual(['dir/larger']);
    await multipart.abort(others);
  });

  it('an answer to the last request that got lost is settled by what is there', async () => {
    const digest = await putAll();
    const lost = (applied: boolean) =>
      open((driver) => ({
        ...driver,
        traits: driver.traits,
        head: (key, options) => driver.head(key, options),
        read: (key, options) => driver.read(key, options),
        list: (prefix, options) => driver.list(prefix, options),
        write: (key, body, options) => driver.write(key, body, options),
        remove: (key, options) => driver.remove(key, options),
        close: () => driver.close(),
        abilities: { ...driver.abilities, multipart: losing(driver.abilities.multipart!, applied) },
      }));
    const to = { ...place(), store: lost(true) };
    const { parts } = await restoreObjects(blobs, digest, to);
    const etag = parts.find(({ path }) => path === 'dir/large')?.etag;
    expect(etag).toBe((await store.head(`${to.key}dir/large`))?.etag);
    await expectAll(to.key);
    const other = { ...place(), store: lost(false) };
    await expect(restoreObjects(blobs, digest, other)).rejects.toMatchObject({ code: 'store/unavailable' });
    expect(await store.head(`${other.key}dir/large`)).toBeUndefined();
  });

  it('a single file is one object, of the parts that it had', async () => {
    fs.writeFileSync(join(folder, 'one'), files['dir/large']!);
    const { digest } = await putFileArtifact(blobs, join(folder, 'one'));
    const key = `single-${++at}`;
    const multipart = store.abilities.multipart!;
    const upload = await multipart.begin(key);
    const tags: string[] = [];
    for (let from = 0; from < 20 * MIB + 17; from += 5 * MIB)
      tags.push(await multipart.part(upload, tags.length + 1, files['dir/large']!.subarray(from, from + 5 * MIB)));
    const { etag } = await multipart.complete(upload, tags);
    await store.remove(key);
    const { parts } = await restoreObjects(blobs, digest, { store, key }, { tagOf: () => etag });
    expect(parts).toMatchObject([{ path: '', etag, size: 20 * MIB + 17 }]);
    expect((await readAll(store, key)).equals(files['dir/large']!)).toBe(true);
    await expect(restoreObjects(blobs, digest, place())).rejects.toMatchObject({ code: 'store/unsupported' });
  });

  it('links have no place there', async () => {
    fs.mkdirSync(join(folder, 'in'));
    fs.symlinkSync('a', join(folder, 'in', 'l'));
    const { digest } = await putTree(blobs, join(folder, 'in'), { links: 'keep' });
    await expect(restoreObjects(blobs, digest, place())).rejects.toMatchObject({ code: 'integrity/list' });
  });
});

function losing(multipart: NonNullable<Abilities['multipart']>, applied: boolean): typeof multipart {
  return {
    ...multipart,
    async complete(upload, tags, options) {
      if (applied) await multipart.complete(upload, tags, options);
      throw new StoreError('store/unavailable', 'the answer is lost', { store: 'x', unclear: true, retryable: true });
    },
  };
}

describe('the parts of an object, by its tag', () => {
  const md5 = 'd41d8cd98f00b204e9800998ecf8427e';
  it.each([
    [100, undefined, undefined],
    [9 * MIB, undefined, 8 * MIB],
    [9 * MIB, md5, undefined],
    [65 * MIB, md5, 8 * MIB],
    [100, `${md5}-1`, 8 * MIB],
    [100 * MIB, `${md5}-13`, 8 * MIB],
    [100 * MIB, `${md5}-7`, 16 * MIB],
    [100 * MIB, `${md5}-20`, 5 * MIB],
    [100 * MIB, `${md5}-3`, 8 * MIB],
    [100 * MIB, 'a tag of its own', 8 * MIB],
    [5 * 2 ** 40, undefined, 528 * MIB],
  ])('%i bytes tagged %s: %s', (size, etag, part) => {
    expect(partSizeOf(size, etag)).toBe(part);
  });
});

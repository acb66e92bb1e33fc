import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { BlobWriter } from '../../src/artifacts/blob-writer.js';
import type { Blobs } from '../../src/artifacts/blobs.js';
import { type Chunk, writeChunkList, writeChunkPage } from '../../src/artifacts/content.js';
import { artifactKey } from '../../src/artifacts/layout.js';
import { putTree } from '../../src/artifacts/put.js';
import { restore } from '../../src/artifacts/restore.js';
import { writeRoot } from '../../src/artifacts/root.js';
import { newTally } from '../../src/artifacts/tally.js';
import type { Digest } from '../../src/core/brand.js';
import { fsStore } from '../../src/drivers/fs.js';
import { prefixed } from '../../src/store/prefix.js';
import { randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { reflinkFolder } from '../rig/reflinks.js';
import { allKeys, bytesOf, openBlobs, snapshot } from './rig.js';

const MIB = 2 ** 20;
const random = randomFrom(seedOfRun());
const SIZES = {
  packed: 3000,
  one: 5 * MIB + 1,
  'two/chunks': 16 * MIB,
  'two/and-more': 17 * MIB + 12_345,
  run: 2 * MIB,
};
const BYTES = Object.values(SIZES).reduce((sum, size) => sum + size, 0);

interface Stored {
  readonly folder: string;
  readonly blobs: Blobs;
  readonly digest: Digest;
}

async function stored(folder: string): Promise<Stored> {
  fs.mkdirSync(join(folder, 'in/two'), { recursive: true });
  for (const [name, size] of Object.entries(SIZES))
    fs.writeFileSync(join(folder, 'in', name), bytesOf(random, size), { mode: name === 'run' ? 0o755 : 0o444 });
  const blobs = await openBlobs(prefixed(fsStore({ root: folder }), 'cache/'));
  const { digest } = await putTree(blobs, join(folder, 'in'));
  return { folder, blobs, digest };
}

async function back({ folder, blobs, digest }: Stored, options: Parameters<typeof restore>[3] = {}): Promise<void> {
  fs.rmSync(join(folder, 'out'), { recursive: true, force: true });
  await restore(blobs, digest, join(folder, 'out'), options);
  expect(fs.readdirSync(folder).sort()).toEqual(expect.arrayContaining(['cache', 'in', 'out']));
  expect(fs.readdirSync(folder).filter((name) => name.startsWith('.stepaside'))).toEqual([]);
}

async function damage({ folder, blobs }: Stored, name: keyof typeof SIZES, at: number): Promise<string> {
  const bytes = fs.readFileSync(join(folder, 'in', name)).subarray(0, 8 * MIB);
  const digest = blobs.hash.digest(bytes);
  const key = (await allKeys(blobs.store, 'v1/chunks/')).find((one) => one.endsWith(digest))!;
  const path = blobs.store.abilities.pathOf!(key);
  const fd = fs.openSync(path, 'r+');
  fs.writeSync(fd, Buffer.from([bytes[at]! ^ 1]), 0, 1, at);
  fs.closeSync(fd);
  return path;
}

const place = await reflinkFolder();
const there = typeof place === 'string' ? undefined : place;
if (there === undefined) console.error(place);
afterAll(() => there?.remove());

describe.skipIf(there === undefined)('on a file system with reflinks', () => {
  let folder: string;
  const fresh = () => {
    folder = fs.mkdtempSync(join(there!.folder, 'f-'));
    return folder;
  };
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const free = (folder: string): number => {
    spawnSync('sync', ['-f', folder]);
    const { bfree, bsize } = fs.statfsSync(folder);
    return bfree * bsize;
  };

  it('a restored tree shares the blocks of its chunks, is right in every byte, and whoever changes it changes no chunk', async () => {
    const one = await stored(fresh());
    const before = free(one.folder);
    await back(one);
    // What is small, and the last piece of a file, lies in packs: that is copied.
    expect(before - free(one.folder)).toBeLessThan(2 * MIB);
    expect(snapshot(join(one.folder, 'out'))).toEqual(snapshot(join(one.folder, 'in')));
    for (const name of ['one', 'two/chunks']) {
      fs.chmodSync(join(one.folder, 'out', name), 0o644);
      fs.writeFileSync(join(one.folder, 'out', name), 'changed', { flag: 'r+' });
    }
    await back(one);
    expect(snapshot(join(one.folder, 'out'))).toEqual(snapshot(join(one.folder, 'in')));
  });

  it('without a cat that joins, large files are written and the rest is cloned', async () => {
    const one = await stored(fresh());
    const path = process.env['PATH'];
    const before = free(one.folder);
    try {
      process.env['PATH'] = '';
      await back(one);
    } finally {
      process.env['PATH'] = path;
    }
    expect(snapshot(join(one.folder, 'out'))).toEqual(snapshot(join(one.folder, 'in')));
    const large = SIZES['two/chunks'] + SIZES['two/and-more'];
    expect(before - free(one.folder)).toBeGreaterThan(large - MIB);
    expect(before - free(one.folder)).toBeLessThan(BYTES - MIB);
  });

  it('a list that no writer of ours made is obeyed as it stands, whatever sizes its chunks have', async () => {
    const folder = fresh();
    const blobs = await openBlobs(fsStore({ root: join(folder, 'cache') }));
    for (const sizes of [
      [1000, 8 * MIB],
      [5 * MIB, 1000, 4 * MIB],
      [5 * MIB, 5 * MIB, 700],
      [5 * MIB + 1, 5 * MIB],
      [8 * MIB, 900, 900],
    ]) {
      const writer = new BlobWriter(blobs, newTally());
      const bytes = sizes.map((size) => bytesOf(random, size));
      const chunks: Chunk[] = [];
      for (const piece of bytes) chunks.push({ digest: await writer.put(piece), size: piece.length });
      const all = Buffer.concat(bytes);
      const whole = { size: all.length, digest: blobs.hash.digest(all) };
      const page = await writer.put(writeChunkPage(chunks));
      const list = await writer.put(writeChunkList({ ...whole, pages: [page] }));
      await writer.finish();
      const root = writeRoot({ kind: 'file', mode: 0o644, content: { ...whole, list } });
      const digest = blobs.hash.digest(root);
      await blobs.store.write(artifactKey(digest), root);
      const target = join(folder, sizes.join('-'));
      await restore(blobs, digest, target);
      expect(fs.readFileSync(target).equals(all), sizes.join()).toBe(true);
    }
  });

  it.each(['one', 'two/chunks'] as const)(
    'a chunk of %s that was damaged never arrives, and is put aside',
    async (name) => {
      const one = await stored(fresh());
      const path = await damage(one, name, 4 * MIB + 3);
      await expect(restore(one.blobs, one.digest, join(one.folder, 'out'))).rejects.toMatchObject({
        code: 'integrity/digest',
      });
      expect(fs.existsSync(path)).toBe(false);
      expect(fs.existsSync(join(one.folder, 'out'))).toBe(false);
    },
  );
});

describe('hard links', () => {
  it('files of one chunk are read-only links if that is asked for, whatever runs or is larger is written', async () => {
    const one = await stored(folderWith());
    await back(one, { hardLinks: true });
    const links = (name: string) => fs.statSync(join(one.folder, 'out', name)).nlink;
    expect(Object.keys(SIZES).map((name) => [name, links(name)])).toEqual([
      ['packed', 1],
      ['one', 2],
      ['two/chunks', 1],
      ['two/and-more', 1],
      ['run', 1],
    ]);
    expect(snapshot(join(one.folder, 'out'))).toEqual(snapshot(join(one.folder, 'in')));
    await back(one);
    expect(links('one')).toBe(1);
  });

  it('whoever writes through one damages the blob: the next restore notices, and puts it aside', async () => {
    const one = await stored(folderWith());
    await back(one, { hardLinks: true });
    fs.chmodSync(join(one.folder, 'out/one'), 0o644);
    fs.writeFileSync(join(one.folder, 'out/one'), 'changed', { flag: 'r+' });
    await expect(back(one, { hardLinks: true })).rejects.toMatchObject({ code: 'integrity/digest' });
    await putTree(one.blobs, join(one.folder, 'in'));
    await back(one, { hardLinks: true });
    expect(snapshot(join(one.folder, 'out'))).toEqual(snapshot(join(one.folder, 'in')));
  });
});

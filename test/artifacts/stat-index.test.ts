import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Artifact, putTree } from '../../src/artifacts/put.js';
import { restore } from '../../src/artifacts/restore.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { intBelow, randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { allKeys, bytesOf, openBlobs, snapshot } from './rig.js';

const MIB = 2 ** 20;
const seed = seedOfRun();

/** Written so long ago that their stamps are ripe; ctime is the kernel's, so the test's clock is what moves. */
async function later<T>(act: () => Promise<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => now() + 10_000;
  try {
    return await act();
  } finally {
    Date.now = now;
  }
}

function tree(count = 20) {
  const folder = folderWith({ 'in/empty/.keep': '' });
  const random = randomFrom(seed);
  for (let i = 0; i < count; i++) fs.writeFileSync(join(folder, 'in', `f${i}`), bytesOf(random, 100 + i));
  fs.writeFileSync(join(folder, 'in/chunk'), bytesOf(random, 3 * MIB));
  fs.writeFileSync(join(folder, 'in/large'), bytesOf(random, 9 * MIB));
  const store = memoryStore();
  const put = async (strict = false): Promise<Artifact> =>
    later(async () =>
      putTree(await openBlobs(store), join(folder, 'in'), { statsIn: strict ? undefined : join(folder, 'stats') }),
    );
  return { folder, store, random, put };
}

/** How many files were opened to be read. */
async function opened<T>(below: string, act: () => Promise<T>): Promise<{ readonly count: number; readonly done: T }> {
  const { openSync } = fs;
  let count = 0;
  fs.openSync = (path, ...more) => {
    if (String(path).startsWith(`${below}/in/`)) count += 1;
    return openSync(path, ...more);
  };
  try {
    const done = await act();
    return { count, done };
  } finally {
    fs.openSync = openSync;
  }
}

describe('stat index', () => {
  it('what has its stamps is not read again, and the artifact is the same one; without an index all is read', async () => {
    const { folder, put } = tree();
    const first = await put();
    const { count, done } = await opened(folder, () => put());
    expect([count, done.digest]).toEqual([0, first.digest]);
    expect(done.tally).toMatchObject({ files: 23, storedBytes: 0, bytes: first.tally.bytes });
    expect((await opened(folder, () => put(true))).count).toBe(23);
  });

  it('an edit that keeps size and mtime is seen, by ctime', async () => {
    const { folder, put } = tree();
    const first = await put();
    const file = join(folder, 'in/f3');
    const { atime, mtime, size } = fs.statSync(file);
    fs.writeFileSync(file, Buffer.alloc(size, 'x'));
    fs.utimesSync(file, atime, mtime);
    const { count, done } = await opened(folder, () => put());
    expect(count).toBe(1);
    expect(done.digest).not.toBe(first.digest);
    expect(done.digest).toBe((await put(true)).digest);
  });

  it('what was just written is not noted: within a tick two writes look like one', async () => {
    const { folder, store } = tree(2);
    const now = async () => putTree(await openBlobs(store), join(folder, 'in'), { statsIn: join(folder, 'stats') });
    await now();
    expect((await opened(folder, now)).count).toBe(5);
  });

  it('what the store lost is read and stored again, whatever the index says', async () => {
    for (const room of ['chunks', 'packs', 'indexes', '']) {
      const { folder, store, put } = tree(3);
      const { digest } = await put();
      for (const key of await allKeys(store, `v1/${room}`)) await store.remove(key);
      expect((await put()).digest).toBe(digest);
      await restore(await openBlobs(store), digest, join(folder, 'out'));
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'in')));
    }
  });

  it('an index of another place, damaged or cut, is none: all is read', async () => {
    const { folder, put } = tree(3);
    const { digest } = await put();
    const [name] = fs.readdirSync(join(folder, 'stats'));
    const file = join(folder, 'stats', name!);
    const bytes = fs.readFileSync(file);
    for (let i = 0; i < 40; i++) {
      const damaged = Buffer.from(bytes);
      if (i % 2 === 0) damaged[Math.floor((i / 40) * bytes.length)]! ^= 1;
      fs.writeFileSync(file, i % 2 === 0 ? damaged : damaged.subarray(0, Math.floor((i / 40) * bytes.length)));
      expect((await put()).digest).toBe(digest);
      expect(fs.readFileSync(file)).toEqual(bytes);
    }
  });

  it(`after any edits the verdict is that of a strict put (STEPASIDE_SEED=${seed})`, async () => {
    const { folder, random, put } = tree();
    const names = () => fs.readdirSync(join(folder, 'in')).filter((name) => name !== 'empty');
    const edits: ((file: string) => void)[] = [
      (file) => fs.writeFileSync(file, bytesOf(random, 1 + intBelow(random, 200))),
      (file) => fs.writeFileSync(file, bytesOf(random, fs.statSync(file).size)),
      (file) => {
        const { atime, mtime, size } = fs.statSync(file);
        fs.writeFileSync(file, bytesOf(random, size));
        fs.utimesSync(file, atime, mtime);
      },
      (file) => fs.rmSync(file),
      (file) => fs.renameSync(file, `${file}-moved`),
      (file) => fs.copyFileSync(file, `${file}-copy`),
      (file) => fs.chmodSync(file, 0o755),
      (file) => fs.utimesSync(file, 1, 1),
      (file) => {
        const other = join(folder, 'in', names()[0]!);
        if (other === file) return;
        fs.renameSync(other, `${other}.swap`);
        fs.renameSync(file, other);
        fs.renameSync(`${other}.swap`, file);
      },
    ];
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 1 + intBelow(random, 3); i++) {
        const all = names();
        edits[intBelow(random, edits.length)]!(join(folder, 'in', all[intBelow(random, all.length)]!));
      }
      expect((await put()).digest, `round ${round}`).toBe((await put(true)).digest);
    }
  }, 120_000);
});

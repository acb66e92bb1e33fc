import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { chunksOf } from '../../src/artifacts/artifact.js';
import { BlobWriter } from '../../src/artifacts/blob-writer.js';
import type { Content } from '../../src/artifacts/content.js';
import { litterIn } from '../../src/artifacts/litter.js';
import { putFileArtifact, putStream, putTree } from '../../src/artifacts/put.js';
import { putContent } from '../../src/artifacts/put-content.js';
import { restore } from '../../src/artifacts/restore.js';
import type { FileRoot } from '../../src/artifacts/root.js';
import { newTally } from '../../src/artifacts/tally.js';
import { fsStore } from '../../src/drivers/fs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import type { Store } from '../../src/store/store.js';
import { pick, randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { allKeys, bytesOf, openBlobs, type Random, readAll, snapshot } from './rig.js';

const seed = seedOfRun();
const MIB = 2 ** 20;

describe('files', () => {
  const sizes = [0, 1, MIB, MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB + 5];
  it.each(sizes)('a file of %i bytes comes back as it was, stored once', async (size) => {
    const folder = folderWith();
    const random = randomFrom(seed);
    fs.writeFileSync(join(folder, 'in'), bytesOf(random, size), { mode: 0o755 });
    const store = fsStore({ root: join(folder, 'cache') });
    const blobs = await openBlobs(store);
    const first = await putFileArtifact(blobs, join(folder, 'in'));
    expect(first.tally).toMatchObject({ files: 1, bytes: size, thereBytes: 0 });
    expect(first.tally.storedBytes).toBeGreaterThanOrEqual(size);
    const again = await putFileArtifact(await openBlobs(store), join(folder, 'in'));
    expect(again).toMatchObject({ digest: first.digest, tally: { bytes: size, storedBytes: 0 } });
    // Its lists were there, too.
    expect(again.tally.thereBytes).toBeGreaterThanOrEqual(size);
    const { how } = await restore(await openBlobs(store), first.digest, join(folder, 'out'));
    expect(how).toBe('new');
    expect(fs.readFileSync(join(folder, 'out')).equals(fs.readFileSync(join(folder, 'in')))).toBe(true);
    expect(fs.statSync(join(folder, 'out')).mode & 0o777).toBe(0o755);
    expect((await restore(blobs, first.digest, join(folder, 'out'))).how).toBe('kept');
    expect(fs.readdirSync(folder).sort()).toEqual(['cache', 'in', 'out']);
  });

  it('a stream is cut into the same chunks as a file, in whatever pieces it comes', async () => {
    const random = randomFrom(seed);
    const bytes = bytesOf(random, 9 * MIB + 7);
    const blobs = await openBlobs();
    const whole = await putStream(blobs, [bytes]);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = Math.floor(random() * 100_000);
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    const again = await putStream(blobs, pieces);
    expect(again.digest).toBe(whole.digest);
    expect(again.tally.storedBytes).toBe(0);
  });
});

describe('bytes that were known once', () => {
  const random = randomFrom(seed + 1);
  const before = bytesOf(random, 25 * MIB + 9);
  const changed = (at: number) => {
    const bytes = Buffer.from(before);
    bytes[at]! ^= 1;
    return bytes;
  };
  const after: readonly (readonly [string, Buffer])[] = [
    ['the same', before],
    ['another first byte', changed(0)],
    ['another byte in the middle', changed(17 * MIB)],
    ['another last byte', changed(before.length - 1)],
    ['shorter by a chunk', before.subarray(0, 24 * MIB)],
    ['longer', Buffer.concat([before, before])],
    [
      'the same chunks in another order',
      Buffer.concat([before.subarray(8 * MIB, 16 * MIB), before.subarray(0, 8 * MIB)]),
    ],
  ];
  it.each(after)('%s: they are what they are without it, and all of them are there', async (_, bytes) => {
    const store = memoryStore();
    const blobs = await openBlobs(store);
    const { root: known } = await putStream(blobs, [before]);
    const source = (data: Buffer) => ({
      reads: 0,
      async read(into: Buffer, at: number) {
        this.reads += 1;
        return data.copy(into, 0, at, at + into.byteLength);
      },
    });
    const put = async (data: Buffer, content?: Content) => {
      const writer = new BlobWriter(blobs, newTally());
      const from = source(data);
      const tally = newTally();
      const made = await putContent({ blobs: writer, hash: blobs.hash, tally }, from, content);
      await writer.finish();
      return { made, reads: from.reads, bytes: tally.bytes };
    };
    const content = (known as FileRoot).content;
    const { made, reads, bytes: counted } = await put(bytes, content);
    expect(counted).toBe(bytes.length);
    if (bytes === before) expect({ made, reads }).toEqual({ made: content, reads: 4 });
    expect(made).toEqual((await put(bytes)).made);
    const back = await openBlobs(store);
    const pieces: Buffer[] = [];
    for await (const chunks of chunksOf(back, made))
      for (const { digest } of chunks) pieces.push(await back.read(digest));
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it('a list that was lost is made anew', async () => {
    const blobs = await openBlobs();
    const { root } = await putStream(blobs, [before]);
    const { content } = root as FileRoot;
    const empty = await openBlobs();
    const writer = new BlobWriter(empty, newTally());
    const from = { read: async (into: Buffer, at: number) => before.copy(into, 0, at, at + into.byteLength) };
    const made = await putContent({ blobs: writer, hash: empty.hash, tally: newTally() }, from, content);
    await writer.finish();
    expect(made).toEqual(content);
    expect((await (await openBlobs(empty.store)).read(content.list!)).length).toBeGreaterThan(0);
  });
});

const NAMES = [
  'a',
  'b',
  'A',
  'é',
  'e\u0301',
  '\u{1F600}',
  '\u05d0\u05d1',
  'x y ',
  'CON',
  '__proto__',
  'a\nb',
  '\u0001',
  '-',
  '.hidden',
  '\\',
  '*',
  'n'.repeat(255),
  '\uffff',
  'constructor',
  '"',
  "'",
  '_SUCCESS',
  '..x',
  '%2e',
];

/** A tree of random names, depths, sizes and modes, among them empty folders, empty files and links. */
function grow(random: Random, folder: string, depth = 0): void {
  const count = Math.floor(random() * 7);
  for (let i = 0; i < count; i++) {
    const path = join(folder, pick(random, NAMES));
    if (fs.lstatSync(path, { throwIfNoEntry: false })) continue;
    const what = random();
    if (what < 0.35 && depth < 4) {
      fs.mkdirSync(path);
      grow(random, path, depth + 1);
    } else if (what < 0.4) fs.symlinkSync(pick(random, ['a', 'b/c', 'nowhere']), path);
    else {
      const size = pick(random, [0, 1, 10, 4096, 100_000, ...(random() < 0.03 ? [9 * MIB] : [])]);
      fs.writeFileSync(path, bytesOf(random, size));
      fs.chmodSync(path, pick(random, [0o644, 0o755, 0o600, 0o444]));
    }
  }
}

describe('trees', () => {
  it(`random trees come back as they were, and a change costs what changed (STEPASIDE_SEED=${seed})`, async () => {
    const random = randomFrom(seed);
    const folder = folderWith();
    const store = memoryStore();
    for (let i = 0; i < 12; i++) {
      const tree = join(folder, `tree-${i}`);
      fs.mkdirSync(tree);
      grow(random, tree);
      const blobs = await openBlobs(store);
      const { digest } = await putTree(blobs, tree, { links: 'keep' });
      expect((await putTree(blobs, tree, { links: 'keep' })).digest).toBe(digest);
      const out = join(folder, 'out');
      await restore(await openBlobs(store), digest, out, { links: 'keep', replace: true });
      expect(snapshot(out)).toEqual(snapshot(tree));
      expect((await restore(blobs, digest, out, { links: 'keep' })).how).toBe('kept');
      // A new name for old bytes stores a list, and no bytes of files.
      fs.mkdirSync(join(tree, 'new'));
      fs.writeFileSync(join(tree, 'new', 'one'), bytesOf(random, 50_000));
      const before = await putTree(blobs, tree, { links: 'keep' });
      fs.renameSync(join(tree, 'new', 'one'), join(tree, 'new', 'two'));
      const after = await putTree(blobs, tree, { links: 'keep' });
      expect(after.digest).not.toBe(before.digest);
      expect(after.tally.storedBytes).toBeLessThan(20_000);
    }
  });

  it('3,000 small files are a few objects, and equal files are stored once', async () => {
    const folder = folderWith();
    const store = fsStore({ root: join(folder, 'cache') });
    for (let i = 0; i < 3000; i++) {
      fs.mkdirSync(join(folder, 'tree', String(i % 50)), { recursive: true });
      fs.writeFileSync(join(folder, 'tree', String(i % 50), String(i)), `contents ${i % 1000}`);
    }
    const { digest, root, tally } = await putTree(await openBlobs(store), join(folder, 'tree'));
    expect(root).toMatchObject({ kind: 'tree', files: 3000 });
    expect(tally.storedBytes).toBeLessThan(3000 * 120);
    expect((await allKeys(store)).length).toBe(3);
    await restore(await openBlobs(store), digest, join(folder, 'out'));
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'tree')));
  });

  it('a file more changes one page of many', async () => {
    const folder = folderWith();
    const store = fsStore({ root: join(folder, 'cache') });
    fs.mkdirSync(join(folder, 'tree'));
    for (let i = 0; i < 6000; i++) fs.writeFileSync(join(folder, 'tree', `file-${i}`), '');
    const first = await putTree(await openBlobs(store), join(folder, 'tree'));
    fs.writeFileSync(join(folder, 'tree', 'file-2'), 'x');
    const second = await putTree(await openBlobs(store), join(folder, 'tree'));
    const [a, b] = [first.root, second.root].map((root) => (root.kind === 'tree' ? root.pages : []));
    expect(a!.length).toBeGreaterThan(2);
    expect(b!.filter((page) => !a!.includes(page)).length).toBe(1);
  });

  it('what is missing is added; where something else lies, all is replaced; what was replaced can be kept', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c', 'tree/b/d': 'd' });
    const blobs = await openBlobs();
    const { digest } = await putTree(blobs, join(folder, 'tree'));
    const out = join(folder, 'out');
    await restore(blobs, digest, out);
    const inode = () => fs.statSync(join(out, 'a')).ino;
    const before = inode();
    fs.rmSync(join(out, 'b'), { recursive: true });
    expect((await restore(blobs, digest, out)).how).toBe('filled');
    expect(inode()).toBe(before);
    fs.writeFileSync(join(out, 'b', 'extra'), 'x');
    expect((await restore(blobs, digest, out, { replace: true, keepOld: true })).how).toBe('replaced');
    expect(snapshot(out)).toEqual(snapshot(join(folder, 'tree')));
    expect(snapshot(join(folder, '.stepaside-tmp-trash')).some((row) => row.includes('b/extra'))).toBe(true);
    fs.writeFileSync(join(out, 'a'), 'A');
    expect((await restore(blobs, digest, out)).how).toBe('replaced');
    expect(snapshot(out)).toEqual(snapshot(join(folder, 'tree')));
  });

  it('what is no part of it is in the way, and nothing is touched; it goes where that was asked for', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c', 'out/b/mine': 'm', file: 'f', 'dir/x': 'x' });
    const blobs = await openBlobs();
    const tree = (await putTree(blobs, join(folder, 'tree'))).digest;
    const file = (await putFileArtifact(blobs, join(folder, 'tree/a'))).digest;
    fs.symlinkSync('out', join(folder, 'link'));
    fs.mkdirSync(join(folder, 'out/empty'));
    const before = snapshot(folder);
    for (const [digest, target] of [
      [tree, 'out'],
      [tree, 'link'],
      [tree, 'file'],
      [file, 'dir'],
    ] as const)
      await expect(restore(blobs, digest, join(folder, target)), target).rejects.toMatchObject({
        code: 'store/conflict',
        hint: expect.any(String),
      });
    expect(snapshot(folder)).toEqual(before);
    expect((await restore(blobs, tree, join(folder, 'link'), { replace: true })).how).toBe('replaced');
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'tree')));
    // Its own paths with other bytes are no strangers, nor is a folder in which nothing lies.
    fs.writeFileSync(join(folder, 'out/a'), 'other');
    fs.mkdirSync(join(folder, 'out/empty'));
    expect((await restore(blobs, tree, join(folder, 'out'))).how).toBe('replaced');
    expect((await restore(blobs, file, join(folder, 'file'))).how).toBe('replaced');
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'tree')));
  });

  it('what comes meanwhile is not removed, and a link that leads nowhere is nobody to write through', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c', 'out/a': 'other' });
    const store = memoryStore();
    const { digest } = await putTree(await openBlobs(store), join(folder, 'tree'));
    for (const target of ['out', 'new']) {
      let reads = 0;
      const late: Store = {
        ...store,
        async read(key, call) {
          // Files are read after all that is there was looked at.
          if (key.includes('/packs/') && reads++ > 0) {
            fs.mkdirSync(join(folder, target), { recursive: true });
            fs.writeFileSync(join(folder, target, 'mine'), 'm');
          }
          return store.read(key, call);
        },
      };
      await expect(restore(await openBlobs(late), digest, join(folder, target)), target).rejects.toMatchObject({
        code: 'store/conflict',
      });
      expect(fs.readFileSync(join(folder, target, 'mine'), 'utf8')).toBe('m');
    }
    fs.symlinkSync('nowhere', join(folder, 'link'));
    const leads = { code: 'store/conflict', message: expect.stringMatching(/leads nowhere/) };
    const blobs = await openBlobs(store);
    await expect(restore(blobs, digest, join(folder, 'link'), { replace: true })).rejects.toMatchObject(leads);
    expect(fs.readdirSync(folder).sort()).toEqual(['link', 'new', 'out', 'tree']);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'what was replaced and cannot be put away stays, and the error says where',
    async () => {
      const folder = folderWith({ 'tree/a': 'a', 'out/mine': 'm', '.stepaside-tmp-trash': 'a file in its place' });
      const blobs = await openBlobs();
      const { digest } = await putTree(blobs, join(folder, 'tree'));
      const options = { replace: true, keepOld: true };
      const error = (await restore(blobs, digest, join(folder, 'out'), options).catch((thrown) => thrown)) as Error;
      const [, kept] = /what was there lies in (\S+)/.exec(error.message) ?? [];
      expect(fs.readFileSync(join(kept!, 'mine'), 'utf8')).toBe('m');
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'tree')));
      for await (const one of litterIn([{ path: folder, deep: true }], { graceMs: 0, now: () => Date.now() + 1e12 }))
        expect.unreachable(one.key);
    },
  );

  it('our markers go with what they spoke of: where something comes, and nowhere else', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c', 'tree/b/too': '', 'tree/d/e': 'e' });
    const blobs = await openBlobs();
    const { digest } = await putTree(blobs, join(folder, 'tree'));
    const out = join(folder, 'out');
    await restore(blobs, digest, out);
    const marked = ['', 'b', 'd'].map((below) => join(out, below, '_stepaside.json'));
    const isMarked = () => marked.map((path) => fs.existsSync(path));
    for (const path of marked) fs.writeFileSync(path, '{}');
    expect((await restore(blobs, digest, out)).how).toBe('kept');
    expect(isMarked()).toEqual([true, true, true]);
    fs.rmSync(join(out, 'b/c'));
    expect((await restore(blobs, digest, out)).how).toBe('filled');
    expect(isMarked()).toEqual([false, false, true]);
    for (const path of marked) fs.writeFileSync(path, '{}');
    fs.writeFileSync(join(out, 'd/e'), 'wrong');
    expect((await restore(blobs, digest, out, { only: (path) => path === 'd/e' })).how).toBe('filled');
    expect(isMarked()).toEqual([false, true, false]);
    fs.writeFileSync(join(out, 'd/e'), 'wrong');
    expect((await restore(blobs, digest, out)).how).toBe('replaced');
    expect(isMarked()).toEqual([false, false, false]);
  });

  it('part of a tree by its paths, beside what else lies there', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c', 'tree/b/d': 'd' });
    const blobs = await openBlobs();
    const { digest } = await putTree(blobs, join(folder, 'tree'));
    const out = join(folder, 'out');
    const only = (path: string) => path.startsWith('b/');
    expect(await restore(blobs, digest, out, { only })).toMatchObject({ how: 'new', extent: { files: 2, bytes: 2 } });
    expect(snapshot(out).map((row) => row.split(' ')[0])).toEqual(['b/', 'b/c', 'b/d']);
    fs.writeFileSync(join(out, 'mine'), 'm');
    fs.writeFileSync(join(out, 'b/c'), 'wrong');
    expect((await restore(blobs, digest, out, { only })).how).toBe('filled');
    expect((await restore(blobs, digest, out, { only })).how).toBe('kept');
    expect(fs.readFileSync(join(out, 'b/c'), 'utf8')).toBe('c');
    expect(fs.readFileSync(join(out, 'mine'), 'utf8')).toBe('m');
    // Nothing of that name: nothing is touched, nor made.
    expect(await restore(blobs, digest, join(folder, 'no'), { only: () => false })).toMatchObject({
      how: 'kept',
      extent: { entries: 0 },
    });
    expect(fs.existsSync(join(folder, 'no'))).toBe(false);
    // Through no link, and over no folder.
    fs.rmSync(join(out, 'b'), { recursive: true });
    fs.mkdirSync(join(folder, 'elsewhere'));
    fs.symlinkSync('../elsewhere', join(out, 'b'));
    const met = { code: 'store/conflict', hint: 'move it away' };
    await expect(restore(blobs, digest, out, { only })).rejects.toMatchObject(met);
    expect(fs.readdirSync(join(folder, 'elsewhere'))).toEqual([]);
    fs.rmSync(join(out, 'b'));
    fs.mkdirSync(join(out, 'b/c'), { recursive: true });
    await expect(restore(blobs, digest, out, { only })).rejects.toMatchObject(met);
    fs.rmSync(join(out, 'b'), { recursive: true });
    fs.writeFileSync(join(out, 'b'), '');
    await expect(restore(blobs, digest, out, { only })).rejects.toMatchObject(met);
  });

  it('into the folder that we sit in, which stays the same folder', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c' });
    const blobs = await openBlobs();
    const { digest } = await putTree(blobs, join(folder, 'tree'));
    const out = join(folder, 'out');
    fs.mkdirSync(out);
    const inode = fs.statSync(out).ino;
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(out);
    try {
      expect((await restore(blobs, digest, out)).how).toBe('filled');
      fs.writeFileSync(join(out, 'a'), 'other');
      expect((await restore(blobs, digest, out, { keepOld: true })).how).toBe('replaced');
    } finally {
      cwd.mockRestore();
    }
    expect(fs.statSync(out).ino).toBe(inode);
    expect(fs.readdirSync(out).sort()).toEqual(['.stepaside-tmp-trash', 'a', 'b']);
    fs.rmSync(join(out, '.stepaside-tmp-trash'), { recursive: true });
    expect(snapshot(out)).toEqual(snapshot(join(folder, 'tree')));
  });

  it.skipIf(process.getuid?.() !== 0)('on a mount: replaced from inside, or all of it as it was', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b/c': 'c' });
    const blobs = await openBlobs();
    const { digest } = await putTree(blobs, join(folder, 'tree'));
    const out = join(folder, 'out');
    fs.mkdirSync(out);
    const mount = (path: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', path]);
    mount(out);
    try {
      fs.writeFileSync(join(out, 'data'), 'mine');
      fs.mkdirSync(join(out, 'zz'));
      mount(join(out, 'zz'));
      try {
        fs.writeFileSync(join(out, 'zz', 'deep'), 'mine');
        const before = snapshot(out);
        await expect(restore(blobs, digest, out, { replace: true })).rejects.toMatchObject({
          code: 'store/unavailable',
        });
        expect(snapshot(out)).toEqual(before);
      } finally {
        execFileSync('umount', [join(out, 'zz')]);
      }
      expect((await restore(blobs, digest, out, { replace: true, keepOld: true })).how).toBe('replaced');
      expect(fs.readdirSync(out).sort()).toEqual(['.stepaside-tmp-trash', 'a', 'b']);
      const [kept] = fs.readdirSync(join(out, '.stepaside-tmp-trash'));
      expect(fs.readFileSync(join(out, '.stepaside-tmp-trash', kept!, 'data'), 'utf8')).toBe('mine');
      expect((await restore(blobs, digest, out)).how).toBe('kept');
    } finally {
      execFileSync('umount', [out]);
    }
  });

  it('markers and our temporary files are no part of it; pipes and links by default are refused', async () => {
    const folder = folderWith({
      'tree/a': 'a',
      'tree/_DONE': '',
      'tree/_stepaside.json': '{}',
      'tree/.stepaside-tmp-1': 'x',
    });
    const blobs = await openBlobs();
    const { digest, root } = await putTree(blobs, join(folder, 'tree'), { marker: '_DONE' });
    expect(root).toMatchObject({ files: 1 });
    expect((await putTree(blobs, join(folder, 'tree'), { marker: '_DONE' })).digest).toBe(digest);
    fs.symlinkSync('a', join(folder, 'tree', 'l'));
    await expect(putTree(blobs, join(folder, 'tree'))).rejects.toMatchObject({ code: 'integrity/list' });
    fs.unlinkSync(join(folder, 'tree', 'l'));
    for (const target of ['/etc/passwd', '../x', 'a/../../x', 'b/..']) {
      fs.symlinkSync(target, join(folder, 'tree', 'l'));
      await expect(putTree(blobs, join(folder, 'tree'), { links: 'keep' })).rejects.toMatchObject({
        code: 'integrity/list',
      });
      fs.unlinkSync(join(folder, 'tree', 'l'));
    }
  });

  it('a file that changes while it is read is noticed, and nothing is recorded', async () => {
    const folder = folderWith({ 'tree/a': 'a', 'tree/b': 'b' });
    const blobs = await openBlobs();
    const big = join(folder, 'tree', 'big');
    const write = (byte: number) => fs.writeFileSync(big, Buffer.alloc(20 * MIB, byte));
    for (const [when, change] of [
      ['after its first chunk', () => write(2)],
      ['before its end', () => fs.truncateSync(big, 17 * MIB)],
      ['when it was read', () => fs.appendFileSync(join(folder, 'tree', 'a'), 'a')],
    ] as const) {
      write(1);
      const tally = { files: 0, storedBytes: 0, thereBytes: 0, at: 0, bytes: 0 };
      Object.defineProperty(tally, 'bytes', {
        get: () => tally.at,
        set(bytes: number) {
          if (tally.at < MIB && bytes >= MIB) change();
          tally.at = bytes;
        },
      });
      await expect(putTree(blobs, join(folder, 'tree'), { tally }), when).rejects.toMatchObject({
        code: 'integrity/changed',
      });
    }
    expect((await allKeys(blobs.store)).filter((key) => /artifacts|uploads/.test(key))).toEqual([]);
  });
});

describe('bad bytes', () => {
  it('a changed chunk or pack is put aside, is a miss, and the next put mends it', async () => {
    const folder = folderWith({ 'tree/small': 'small' });
    fs.writeFileSync(join(folder, 'tree/large'), bytesOf(randomFrom(seed), 3 * MIB));
    const blobs = await openBlobs();
    const { digest } = await putTree(blobs, join(folder, 'tree'));
    for (const kind of ['v1/chunks/', 'v1/packs/']) {
      const [key] = await allKeys(blobs.store, kind);
      const bytes = await readAll(blobs.store, key!);
      bytes[2]! ^= 1;
      await blobs.store.write(key!, bytes);
      await expect(restore(await openBlobs(blobs.store), digest, join(folder, 'out'))).rejects.toMatchObject({
        code: 'integrity/digest',
      });
      expect(fs.existsSync(join(folder, 'out'))).toBe(false);
      await expect(restore(await openBlobs(blobs.store), digest, join(folder, 'out'))).rejects.toMatchObject({
        code: 'integrity/missing',
      });
      await putTree(await openBlobs(blobs.store), join(folder, 'tree'));
      await restore(await openBlobs(blobs.store), digest, join(folder, 'out'));
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'tree')));
      fs.rmSync(join(folder, 'out'), { recursive: true });
    }
    expect((await allKeys(blobs.store, 'v1/quarantine/')).length).toBe(2);
    expect(fs.readdirSync(folder)).toEqual(['tree']);
  });

  it('who met the damage mends it, also where the new pack has the name of the damaged one', async () => {
    const folder = folderWith({ one: 'alone in its pack' });
    const store = memoryStore();
    const { digest } = await putFileArtifact(await openBlobs(store), join(folder, 'one'));
    const [key] = await allKeys(store, 'v1/packs/');
    for (const damage of ['turned', 'short', 'gone']) {
      const blobs = await openBlobs(store);
      const bytes = await readAll(store, key!);
      bytes[0]! ^= 1;
      if (damage === 'gone') await store.remove(key!);
      else await store.write(key!, damage === 'turned' ? bytes : bytes.subarray(0, 5));
      await expect(restore(blobs, digest, join(folder, 'out'))).rejects.toMatchObject({
        code: damage === 'turned' ? 'integrity/digest' : 'integrity/missing',
      });
      expect((await putFileArtifact(blobs, join(folder, 'one'))).digest).toBe(digest);
      expect(await allKeys(store, 'v1/packs/')).toEqual([key]);
      for (const reader of [blobs, await openBlobs(store)]) {
        await restore(reader, digest, join(folder, 'out'));
        fs.rmSync(join(folder, 'out'));
      }
    }
  });
});

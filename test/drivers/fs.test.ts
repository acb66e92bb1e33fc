import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asyncCalls, syncCalls } from '../../src/drivers/fs/calls.js';
import { fsStore } from '../../src/drivers/fs.js';
import { retrying } from '../../src/store/retry.js';
import { bytes, collect, never, readAll } from '../store/fakes.js';
import { asNobody, bundled, errno, FUSE, NFS, plant, scratch } from './fs-rig.js';

const folder = scratch();

describe('fs: head and read', () => {
  test('a file is told by its size, times and inode, in full', async () => {
    const root = folder();
    plant(root, { 'a/b.txt': 'hello' });
    const stats = statSync(join(root, 'a/b.txt'), { bigint: true });
    expect(await fsStore({ root }).head('a/b.txt')).toEqual({
      key: 'a/b.txt',
      size: 5,
      modifiedAt: Number(stats.mtimeNs / 1_000_000n),
      file: { mtimeNs: `${stats.mtimeNs}`, ctimeNs: `${stats.ctimeNs}`, inode: `${stats.ino}` },
    });
  });

  test('a folder, a pipe, a link to nothing and what lies below a file are not there', async () => {
    const root = folder();
    plant(root, { file: 'x' });
    mkdirSync(join(root, 'folder'));
    execFileSync('mkfifo', [join(root, 'pipe')]);
    symlinkSync('nowhere', join(root, 'dangling'));
    const store = fsStore({ root });
    for (const key of ['folder', 'pipe', 'dangling', 'file/below', 'none', 'none/below']) {
      expect(await store.head(key), key).toBeUndefined();
      expect(await store.read(key), key).toBeUndefined();
      await store.remove(key);
    }
    expect(readdirSync(root).sort()).toEqual(['dangling', 'file', 'folder', 'pipe']);
  });

  test('a link stands for what it leads to; one into itself is no key', async () => {
    const root = folder();
    plant(root, { 'real/file': 'hello' });
    symlinkSync('real', join(root, 'link'));
    symlinkSync('round', join(root, 'round'));
    const store = fsStore({ root });
    expect(await readAll(store, 'link/file')).toBe('hello');
    await expect(store.head('round')).rejects.toMatchObject({ code: 'store/bad-key', facts: { status: 'ELOOP' } });
    await store.remove('link');
    expect(await readAll(store, 'link/file')).toBe('hello');
  });

  test.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    'a\0b',
    'a\ud800',
    '.stepaside-tmp-1-ab',
    'x/.nfs0000000001',
  ])('the key %j is refused by every call, and nothing is touched', async (key) => {
    const root = folder();
    const store = fsStore({ root });
    const bad = { code: 'store/bad-key' };
    await expect(store.head(key)).rejects.toMatchObject(bad);
    await expect(store.read(key)).rejects.toMatchObject(bad);
    await expect(store.write(key, bytes('x'))).rejects.toMatchObject(bad);
    await expect(store.remove(key)).rejects.toMatchObject(bad);
    expect(readdirSync(root)).toEqual([]);
  });

  test('names of 255 bytes are fine, of 256 they are bad keys - counted in bytes', async () => {
    const store = fsStore({ root: folder() });
    for (const name of ['a'.repeat(255), `${'ä'.repeat(127)}x`]) {
      await store.write(name, bytes('x'));
      expect((await store.head(name))?.key).toBe(name);
    }
    for (const name of ['a'.repeat(256), 'ä'.repeat(128)]) {
      await expect(store.write(name, bytes('x'))).rejects.toMatchObject({ code: 'store/bad-key' });
      await expect(store.head(name)).rejects.toMatchObject({ code: 'store/bad-key' });
    }
  });

  test('no right to look is not "not there"', async () => {
    const root = folder();
    plant(root, { 'closed/file': 'x', 'open/secret': 'x' });
    chmodSync(join(root, 'closed'), 0o000);
    chmodSync(join(root, 'open/secret'), 0o000);
    await asNobody(async () => {
      const store = fsStore({ root });
      for (const key of ['closed/file', 'closed/none'])
        await expect(store.head(key)).rejects.toMatchObject({ code: 'store/denied', facts: { status: 'EACCES' } });
      await expect(store.read('open/secret')).rejects.toMatchObject({ code: 'store/denied' });
    });
    chmodSync(join(root, 'closed'), 0o700);
  });

  test.each([
    ['ESTALE', 'store/unavailable', true],
    ['EIO', 'store/unavailable', false],
    ['EMFILE', 'store/unavailable', true],
    ['ETIMEDOUT', 'store/unavailable', true],
    ['EPERM', 'store/denied', false],
    ['EWHATEVER', 'store/unavailable', false],
  ])('%s becomes %s, worth another try: %s', async (code, wanted, retryable) => {
    const stat = () => Promise.reject(errno(code, 'stat'));
    const store = fsStore({ root: folder() }, { calls: { stat } });
    await expect(store.head('a')).rejects.toMatchObject({ code: wanted, facts: { status: code, key: 'a', retryable } });
  });

  test('EIO over a network may be a time-out, so it is worth another try there', async () => {
    const stat = () => Promise.reject(errno('EIO', 'stat'));
    const store = fsStore({ root: folder() }, { calls: { stat }, statfs: () => NFS });
    await expect(store.head('a')).rejects.toMatchObject({ facts: { retryable: true } });
  });
});

describe('fs: bodies', () => {
  const big = Buffer.alloc(3_000_003, (Math.random() * 256) | 0);
  big.forEach((_, i) => {
    big[i] = (i * 2_654_435_761) >>> 24;
  });
  const openFiles = () => readdirSync('/proc/self/fd').length;

  test('long bodies come in pieces, and any range is exact', async () => {
    const root = folder();
    const store = fsStore({ root });
    await store.write('big', big);
    const pieces = await collect((await store.read('big'))!.body);
    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).equals(big)).toBe(true);
    for (const [offset, length] of [
      [0, 300_000],
      [700_001, 400_000],
      [1_048_575, 1_048_578],
      [3_000_003, 5],
      [4_000_000, 1],
    ] as const) {
      const part = Buffer.concat(await collect((await store.read('big', { offset, length }))!.body));
      expect(part.equals(big.subarray(offset, offset + length)), `${offset}+${length}`).toBe(true);
    }
  });

  test('a close that fails after all was read costs nothing', async () => {
    const root = folder();
    await fsStore({ root }).write('big', big);
    const close = (fd: number) => {
      closeSync(fd);
      throw errno('EDQUOT', 'close');
    };
    const store = fsStore({ root }, { calls: { close } });
    expect(Buffer.concat(await collect((await store.read('big'))!.body)).equals(big)).toBe(true);
    expect(Buffer.concat(await collect((await store.read('big', { length: 9 }))!.body))).toHaveLength(9);
  });

  test('however reading ends, no file stays open', async () => {
    const root = folder();
    const store = fsStore({ root });
    await store.write('big', big);
    const before = openFiles();
    for (let i = 0; i < 20; i++) {
      for await (const _ of (await store.read('big'))!.body) break;
      await (await store.read('big'))!.body[Symbol.asyncIterator]().return?.();
      const stop = new AbortController();
      const found = await store.read('big', { signal: stop.signal });
      stop.abort();
      await expect(collect(found!.body)).rejects.toThrow();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(openFiles()).toBeLessThanOrEqual(before);
  });

  test('a file closed while a read is under way waits for it: its number may be another file’s by then', async () => {
    const root = folder();
    const events: string[] = [];
    const calls = {
      read: async (fd: number, into: Uint8Array, at: number) => {
        events.push('read');
        const count = await asyncCalls.read(fd, into, at);
        await new Promise((resolve) => setTimeout(resolve, 20));
        events.push('done');
        return count;
      },
      close: (fd: number) => {
        events.push('close');
        return asyncCalls.close(fd);
      },
    };
    plant(root, { big: big.toString('latin1') });
    const body = (await fsStore({ root }, { calls }).read('big'))!.body[Symbol.asyncIterator]();
    const next = body.next();
    await body.return?.();
    await next;
    expect(events).toEqual(['read', 'done', 'close']);
  });

  test('a reader keeps the version it opened; one that is written into is a conflict, a shorter one is cut', async () => {
    const root = folder();
    const store = fsStore({ root });
    await store.write('big', big);
    const found = (await store.read('big'))!;
    await store.write('big', bytes('new'));
    expect(Buffer.concat(await collect(found.body)).equals(big)).toBe(true);

    writeFileSync(join(root, 'busy'), big);
    const busy = (await store.read('busy'))!;
    appendFileSync(join(root, 'busy'), 'more');
    await expect(collect(busy.body)).rejects.toMatchObject({ code: 'store/conflict' });

    const short = fsStore(
      { root },
      { calls: { read: (fd, into, at) => (at > 1_500_000 ? 0 : syncCalls.read(fd, into, at)) } },
    );
    writeFileSync(join(root, 'short'), big);
    await expect(collect((await short.read('short'))!.body)).rejects.toMatchObject({ code: 'store/bad-answer' });
    const empty = fsStore({ root }, { calls: { read: () => 0 } });
    plant(root, { small: 'hello' });
    await expect(empty.read('small')).rejects.toMatchObject({ code: 'store/bad-answer' });
  });
});

describe('fs: mounts and networks', () => {
  test('a mount that is not there is said to be so; a plain folder is just empty', async () => {
    const root = join(folder(), 'claim');
    const mount = fsStore({ root, mount: true, name: 'pvc://claim' });
    const gone = { code: 'store/no-bucket', message: expect.stringContaining('the mount') };
    await expect(mount.head('a')).rejects.toMatchObject(gone);
    await expect(mount.read('a')).rejects.toMatchObject(gone);
    await expect(collect(mount.list(''))).rejects.toMatchObject(gone);
    await expect(mount.write('a/b', bytes('x'))).rejects.toMatchObject(gone);
    await expect(mount.remove('a')).rejects.toMatchObject(gone);
    const plain = fsStore({ root });
    expect(await plain.head('a')).toBeUndefined();
    expect(await collect(plain.list(''))).toEqual([]);
    writeFileSync(root, 'a file');
    await expect(mount.head('a')).rejects.toMatchObject(gone);
  });

  test('a mount is looked at once for each absence, and never for what is there; a plain folder never', async () => {
    const root = folder();
    plant(root, { here: 'x' });
    let looks = 0;
    const stat = (path: string) => {
      looks += path === `${root}/.` ? 1 : 0;
      return syncCalls.stat(path);
    };
    const store = fsStore({ root, mount: true }, { calls: { stat } });
    for (const key of ['a', 'b', 'c']) expect(await store.head(key)).toBeUndefined();
    expect(looks).toBe(3);
    expect((await store.head('here'))?.size).toBe(1);
    expect(looks).toBe(3);
    const plain = fsStore({ root }, { calls: { stat } });
    expect(await plain.head('a')).toBeUndefined();
    await plain.write('b', bytes('x'));
    expect(looks).toBe(3);
  });

  test('an empty folder on which nothing is mounted is no mount, until there is one or something is in it', async () => {
    const root = folder();
    const store = fsStore({ root, mount: true });
    const gone = { code: 'store/no-bucket', message: expect.stringContaining('nothing is mounted') };
    await expect(store.head('a')).rejects.toMatchObject(gone);
    await expect(collect(store.list(''))).rejects.toMatchObject(gone);
    await expect(store.abilities.folders!.folders('')).rejects.toMatchObject(gone);
    await expect(store.write('a', bytes('x'))).rejects.toMatchObject(gone);
    expect(readdirSync(root)).toEqual([]);
    plant(root, { b: 'x' });
    expect(await store.head('a')).toBeUndefined();
  });

  test('a mount that goes and comes, for real: gone is said', async () => {
    const script = await bundled('fs-remount.ts', folder());
    const outcomes = JSON.parse(
      execFileSync('unshare', ['-rm', process.execPath, script, folder(), folder()], { encoding: 'utf8' }),
    );
    const gone = 'store/unavailable true';
    const mounted = ['absent', 'kept', 'written'];
    const unmounted = [gone, gone, gone, gone];
    // The kernel gives a new tmpfs the number of the old one; nobody can tell them apart.
    expect(outcomes.tmpfs).toEqual({ mounted, unmounted, below: [gone, gone], anew: ['absent', 'absent', 'written'] });
    // On one device with the folder below it, what is found there cannot be told from what is in the mount.
    expect(outcomes.bind).toEqual({ mounted, unmounted, below: ['below', 'below'], anew: [gone, 'absent', 'written'] });
  });

  test('a file server that is away is not looked at to learn what it is', async () => {
    const root = folder();
    const never = () => {
      throw new Error('it was asked');
    };
    const line = (id: number, parent: number, point: string, type: string) =>
      `${id} ${parent} 0:${id} / ${point} rw,relatime - ${type} x rw`;
    const mounts = (type: string) => `${line(1, 0, '/', 'ext4')}\n${line(2, 1, root, type)}\n`;
    for (const [type, name, exclusiveCreate] of [
      ['nfs4', 'nfs', 'yes'],
      ['fuse.s3fs', 'fuse', 'no'],
      ['autofs', 'autofs', 'no'],
    ] as const) {
      const store = fsStore({ root: join(root, 'claim') }, { mounts: mounts(type), statfs: never });
      expect(store.traits, type).toMatchObject({ remote: true, exclusiveCreate });
      expect((await store.abilities.describe!())[0]).toEqual(['file system', `${name}, at ${root}/claim`]);
    }
    expect(() => fsStore({ root }, { mounts: mounts('ext4'), statfs: never })).not.toThrow();
  });

  test('what the file system is decides what is promised', () => {
    const root = folder();
    const traits = (type: number) => fsStore({ root }, { statfs: () => type }).traits;
    expect(traits(0xef53)).toMatchObject({ remote: false, strongList: true, exclusiveCreate: 'yes' });
    expect(traits(NFS)).toMatchObject({ remote: true, strongList: false, exclusiveCreate: 'yes' });
    expect(traits(FUSE)).toMatchObject({ remote: true, strongList: false, exclusiveCreate: 'no' });
    expect(traits(-0x00acb2be)).toMatchObject({ remote: true, exclusiveCreate: 'no' });
    expect(traits(0x4d44)).toMatchObject({ remote: false, exclusiveCreate: 'no' });
    expect(fsStore({ root: join(root, 'not/yet/made') }).traits.remote).toBe(false);
  });

  /** A client that still believes that some paths are not there, until their folder is read. */
  function forgetful(root: string, ...stale: string[]) {
    const denied = new Set(stale.map((key) => join(root, key)));
    const hidden = (path: string) => [...denied].some((one) => path === one || path.startsWith(`${one}/`));
    return {
      stat: async (path: string) => (hidden(path) ? undefined : asyncCalls.stat(path)),
      lstat: async (path: string) => (hidden(path) ? undefined : asyncCalls.lstat(path)),
      open: async (path: string, flags: number, mode?: number) =>
        hidden(path) ? undefined : asyncCalls.open(path, flags, mode),
      readdir: async (path: string) => {
        if (hidden(path)) return undefined;
        for (const one of denied) if (join(one, '..') === path) denied.delete(one);
        return asyncCalls.readdir(path);
      },
    };
  }

  test('over a network an absence is confirmed by reading the folders above', async () => {
    const root = folder();
    plant(root, { 'x/y/z': 'here', 'x/w': 'here' });
    const open = (...stale: string[]) => fsStore({ root }, { statfs: () => NFS, calls: forgetful(root, ...stale) });
    for (const stale of [['x/w'], ['x'], ['x', 'x/w']]) {
      expect((await open(...stale).head('x/w'))?.size, `${stale}`).toBe(4);
      expect(await readAll(open(...stale), 'x/w'), `${stale}`).toBe('here');
    }
    expect((await open('x', 'x/y', 'x/y/z').head('x/y/z'))?.size).toBe(4);
    expect((await collect(open('x', 'x/y').list('x/y/'))).map((head) => head.key)).toEqual(['x/y/z']);
    const store = open('x', 'x/w');
    await store.remove('x/w');
    expect(readdirSync(join(root, 'x'))).toEqual(['y']);
    expect(await open().head('x/none')).toBeUndefined();
    expect(await open().head('none/none')).toBeUndefined();
  });

  test('a name in the folder that can never be found is a doubt, not an absence', async () => {
    const root = folder();
    plant(root, { a: 'x' });
    const gone = async (path: string) => (path === join(root, 'a') ? undefined : asyncCalls.stat(path));
    const store = fsStore({ root }, { statfs: () => NFS, calls: { stat: gone } });
    await expect(store.head('a')).rejects.toMatchObject({ code: 'store/unavailable', facts: { retryable: true } });
  });

  test('a server that does not answer holds nobody who has a signal', async () => {
    const root = folder();
    const store = fsStore({ root }, { statfs: () => NFS, calls: { stat: never, open: never, readdir: never } });
    const soon = () => ({ signal: AbortSignal.timeout(20) });
    await expect(store.head('a', soon())).rejects.toThrow(/time/);
    await expect(store.read('a', soon())).rejects.toThrow(/time/);
    await expect(store.write('a', bytes('x'), soon())).rejects.toThrow(/time/);
    await expect(store.remove('a', soon())).rejects.toThrow(/time/);
    await expect(collect(store.list('', soon()))).rejects.toThrow(/time/);
    await expect(store.abilities.folders!.folders('', soon())).rejects.toThrow(/time/);
  });

  test('a file opened for somebody who has given up meanwhile is closed', async () => {
    const root = folder();
    writeFileSync(join(root, 'big'), Buffer.alloc(1_000_000));
    let closed = 0;
    const calls = {
      open: async (path: string, flags: number) => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        return asyncCalls.open(path, flags);
      },
      close: async (fd: number) => {
        await asyncCalls.close(fd);
        closed += 1;
      },
    };
    const store = fsStore({ root }, { statfs: () => NFS, calls });
    await expect(store.read('big', { signal: AbortSignal.timeout(20) })).rejects.toThrow(/time/);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(closed).toBe(1);
    const patient = retrying(store, { deadlineMs: 20 });
    await expect(patient.read('big')).rejects.toMatchObject({ code: 'store/unavailable' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(closed).toBe(2);
  });

  test('a loop of answers from a local disk lets others act', async () => {
    const store = fsStore({ root: folder() });
    let written = false;
    void store.write('slot', bytes('x')).then(() => {
      written = true;
    });
    while ((await store.head('slot')) === undefined);
    while (!written) await store.head('slot');
  });
});

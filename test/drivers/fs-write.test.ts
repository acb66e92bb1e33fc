import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asyncCalls, type FileCalls } from '../../src/drivers/fs/calls.js';
import { fsStore } from '../../src/drivers/fs.js';
import { probeStore, withProbe } from '../../src/store/probe.js';
import { bytes, collect, readAll } from '../store/fakes.js';
import { asNobody, bundled, errno, FUSE, NFS, plant, scratch } from './fs-rig.js';

const folder = scratch();
const openFiles = () => readdirSync('/proc/self/fd').length;

/** Every call by name, in order; folders told from files, since what is synced when is the whole point. */
function recorded(root: string) {
  const log: string[] = [];
  const names = new Map<number, string>();
  const short = (path: string) => path.slice(root.length).replace(/\.stepaside-tmp-\d+-[0-9a-f]{16}$/, 'TMP') || '/';
  const calls: Partial<FileCalls> = {
    open: async (path, flags, mode) => {
      const fd = await asyncCalls.open(path, flags, mode);
      if (fd !== undefined) names.set(fd, short(path));
      return fd;
    },
    write: (fd, body, at) => {
      log.push(`write ${names.get(fd)}`);
      return asyncCalls.write(fd, body, at);
    },
    fsync: (fd) => {
      log.push(`fsync ${names.get(fd)}`);
      return asyncCalls.fsync(fd);
    },
    mkdir: (path) => {
      log.push(`mkdir ${short(path)}`);
      return asyncCalls.mkdir(path);
    },
    link: (from, to) => {
      log.push(`link ${short(from)} ${short(to)}`);
      return asyncCalls.link(from, to);
    },
    rename: (from, to) => {
      log.push(`rename ${short(from)} ${short(to)}`);
      return asyncCalls.rename(from, to);
    },
    unlink: (path) => {
      log.push(`unlink ${short(path)}`);
      return asyncCalls.unlink(path);
    },
  };
  return { log, calls };
}

describe('fs: the order of a write', () => {
  test('bytes, their sync, the name, the folder’s sync; new folders are synced into theirs', async () => {
    const root = folder();
    const { log, calls } = recorded(root);
    const store = fsStore({ root }, { calls });
    await store.write('a/b/c', bytes('x'));
    expect(log).toEqual([
      'mkdir /a/b',
      'mkdir /a',
      'fsync /',
      'mkdir /a/b',
      'fsync /a',
      'write /a/b/TMP',
      'fsync /a/b/TMP',
      'rename /a/b/TMP /a/b/c',
      'fsync /a/b',
    ]);
    log.length = 0;
    await store.write('a/b/d', bytes('x'), { ifAbsent: true });
    expect(log).toEqual(['write /a/b/TMP', 'fsync /a/b/TMP', 'link /a/b/TMP /a/b/d', 'unlink /a/b/TMP', 'fsync /a/b']);
    log.length = 0;
    expect(await store.write('a/b/d', bytes('y'), { ifAbsent: true })).toEqual({ written: false });
    expect(log).toEqual([]);
    await store.remove('a/b/d');
    expect(log).toEqual(['unlink /a/b/d', 'fsync /a/b']);
    expect(statSync(join(root, 'a/b/c')).mode & 0o777).toBe(0o666 & ~process.umask());
  });

  test('long bodies are written in pieces, also where the kernel takes less than it is given', async () => {
    const root = folder();
    const body = Buffer.alloc(300_000, 'abcdefg');
    const grudging = (fd: number, piece: Uint8Array, at: number) => asyncCalls.write(fd, piece.subarray(0, 40_001), at);
    await fsStore({ root }, { calls: { write: grudging } }).write('a', body);
    expect(readFileSync(join(root, 'a')).equals(body)).toBe(true);
  });

  test('a write that is given up before it has a name leaves nothing', async () => {
    const root = folder();
    const stop = new AbortController();
    const fsync = async (fd: number) => {
      stop.abort(new Error('enough'));
      await asyncCalls.fsync(fd);
    };
    const store = fsStore({ root }, { calls: { fsync } });
    await expect(store.write('a', bytes('x'), { signal: stop.signal })).rejects.toThrow('enough');
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('fs: a writer that dies', () => {
  test('between the bytes and their name: his file is no object, and in nobody’s way', async () => {
    const root = folder();
    const script = await bundled('fs-orphan.ts', folder());
    const writer = spawn(process.execPath, [script, root], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(writer, 'exit');
    await once(writer.stdout, 'data');
    writer.kill('SIGKILL');
    await gone;
    const [orphan = ''] = readdirSync(join(root, 'slots'));
    expect(orphan).toMatch(/^\.stepaside-tmp-/);
    const store = fsStore({ root });
    for (const prefix of ['', 'slots/', 'slots/.']) expect(await collect(store.list(prefix)), prefix).toEqual([]);
    expect((await store.abilities.folders!.folders('')).map(({ name }) => name)).toEqual(['slots']);
    await expect(store.head(`slots/${orphan}`)).rejects.toMatchObject({ code: 'store/bad-key' });
    expect(await store.write('slots/1', bytes('mine'), { ifAbsent: true })).toEqual({ written: true });
    expect((await collect(store.list(''))).map((head) => head.key)).toEqual(['slots/1']);
  });

  test('a writer who lost syncs the folder too: what he heard of is then as durable as what he would have written', async () => {
    const root = folder();
    plant(root, { 'f/key': 'theirs' });
    const { log, calls } = recorded(root);
    const store = fsStore({ root }, { statfs: () => NFS, calls });
    expect(await store.write('f/key', bytes('ours'), { ifAbsent: true })).toEqual({ written: false });
    expect(log).toEqual(['write /f/TMP', 'fsync /f/TMP', 'link /f/TMP /f/key', 'unlink /f/TMP', 'fsync /f']);
  });
});

describe('fs: a write that fails', () => {
  const steps = ['open', 'write', 'fsync', 'close', 'link', 'rename'] as const;
  const codes = {
    ENOSPC: 'store/unavailable',
    EDQUOT: 'store/unavailable',
    EIO: 'store/unavailable',
    EROFS: 'store/denied',
    EACCES: 'store/denied',
    EMFILE: 'store/unavailable',
    ESTALE: 'store/unavailable',
  };

  test.each(Object.entries(codes))(
    '%s at any call: told as such, no temporary file, no open file, never half a body',
    async (code, wanted) => {
      const names: string[] = [];
      for (const ifAbsent of [false, true])
        for (const step of steps)
          for (let nth = 1; nth <= 4; nth++) {
            const root = folder();
            plant(root, ifAbsent ? {} : { 'f/key': 'the old bytes' });
            mkdirSync(join(root, 'f'), { recursive: true });
            let count = 0;
            const failing = async (...args: unknown[]) => {
              count += 1;
              // A close that fails has closed all the same.
              if (step === 'close') await asyncCalls.close(args[0] as number);
              if (count === nth) throw errno(code, step);
              if (step !== 'close') return (asyncCalls[step] as (...args: unknown[]) => unknown)(...args);
            };
            const before = openFiles();
            const store = fsStore({ root }, { calls: { [step]: failing } });
            const outcome = await store
              .write('f/key', bytes('the new bytes'), { ifAbsent })
              .catch((error: unknown) => error);
            expect(openFiles(), `${step} ${nth}`).toBe(before);
            expect(
              readdirSync(join(root, 'f')).filter((name) => name !== 'key'),
              `${step} ${nth}`,
            ).toEqual([]);
            const now = await readAll(fsStore({ root }), 'f/key');
            expect(['the new bytes', ifAbsent ? undefined : 'the old bytes'], `${step} ${nth}`).toContain(now);
            if (count >= nth) {
              names.push(`${step} ${nth}`);
              expect(outcome, `${step} ${nth}`).toMatchObject({ code: wanted, facts: { status: code } });
              if (now === 'the new bytes' && step !== 'close')
                expect(outcome).toMatchObject({ facts: { unclear: true } });
            } else expect(outcome).toEqual({ written: true });
          }
      expect(names.length).toBeGreaterThan(12);
    },
  );

  test('no space is said in words and not worth another try', async () => {
    const root = folder();
    const write = () => Promise.reject(errno('ENOSPC', 'write'));
    await expect(fsStore({ root }, { calls: { write } }).write('a', bytes('x'))).rejects.toMatchObject({
      message: expect.stringContaining('no space left'),
      facts: { retryable: false },
    });
  });

  test('a full disk and one mounted read-only, for real', async () => {
    const script = await bundled('fs-full-disk.ts', folder());
    const outcomes = execFileSync('unshare', ['-rm', process.execPath, script, folder()], { encoding: 'utf8' });
    const full = 'store/unavailable ENOSPC false';
    const readOnly = 'store/denied EROFS false';
    const [won, before, after] = [{ written: true }, 'small', 'fits,small'];
    expect(JSON.parse(outcomes)).toEqual([
      won,
      before,
      full,
      before,
      full,
      before,
      won,
      after,
      readOnly,
      after,
      readOnly,
      after,
      readOnly,
      after,
    ]);
  });

  test('a folder in which we may not write', async () => {
    const root = folder();
    plant(root, { 'closed/a': 'x' });
    chmodSync(join(root, 'closed'), 0o555);
    await asNobody(async () => {
      const store = fsStore({ root });
      for (const ifAbsent of [false, true])
        await expect(store.write('closed/b', bytes('x'), { ifAbsent })).rejects.toMatchObject({ code: 'store/denied' });
      await expect(store.write('closed/new/b', bytes('x'))).rejects.toMatchObject({ code: 'store/denied' });
      await expect(store.remove('closed/a')).rejects.toMatchObject({ code: 'store/denied' });
    });
    expect(readdirSync(join(root, 'closed'))).toEqual(['a']);
  });

  test('where a folder, a link to nothing or a file is in the way, the key is wrong', async () => {
    const root = folder();
    plant(root, { file: 'x', 'full/x': 'x' });
    mkdirSync(join(root, 'empty'));
    symlinkSync('nowhere', join(root, 'dangling'));
    const store = fsStore({ root });
    for (const ifAbsent of [false, true])
      for (const key of ['empty', 'full', 'file/below', 'file/far/below', 'dangling/below'])
        await expect(store.write(key, bytes('y'), { ifAbsent }), key).rejects.toMatchObject({ code: 'store/bad-key' });
    await expect(store.write('dangling', bytes('y'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'store/bad-key',
    });
    expect((await collect(store.list(''))).map((head) => head.key)).toEqual(['file', 'full/x']);
  });
});

describe('fs: exclusive writes', () => {
  test.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])(
    'without hard links (%s) there are none, and the trait says so from then on',
    async (code) => {
      const root = folder();
      const link = () => Promise.reject(errno(code, 'link'));
      const store = fsStore({ root }, { calls: { link } });
      expect(store.traits.exclusiveCreate).toBe('yes');
      await expect(store.write('a', bytes('x'), { ifAbsent: true })).rejects.toMatchObject({
        code: 'store/unsupported',
        message: expect.stringContaining('hard links'),
      });
      expect(store.traits.exclusiveCreate).toBe('no');
      expect(readdirSync(root)).toEqual([]);
      expect(await store.write('a', bytes('x'))).toEqual({ written: true });
    },
  );

  test('where nobody vouches for links they are tried all the same', async () => {
    const store = fsStore({ root: folder() }, { statfs: () => FUSE });
    expect(await store.write('a', bytes('x'), { ifAbsent: true })).toEqual({ written: true });
    expect(await store.write('a', bytes('y'), { ifAbsent: true })).toEqual({ written: false });
    const report = await probeStore(store, { prefix: 'probes/' });
    expect(report.findings.map((finding) => finding.outcome)).toEqual(Array(6).fill('passed'));
    expect(withProbe(store, report).traits).toMatchObject({ exclusiveCreate: 'yes', strongList: false });
    expect((await collect(store.list(''))).map((head) => head.key)).toEqual(['a']);
  });

  test.each(['EIO', 'ETIMEDOUT', 'EEXIST'])('on NFS a link that says %s and is ours was made', async (code) => {
    const root = folder();
    const link = async (from: string, to: string) => {
      linkSync(from, to);
      throw errno(code, 'link');
    };
    const store = fsStore({ root }, { statfs: () => NFS, calls: { link } });
    expect(await store.write('a', bytes('x'), { ifAbsent: true })).toEqual({ written: true });
    expect(readdirSync(root)).toEqual(['a']);
  });

  test('on NFS a link that is said to be made and is not is no success', async () => {
    const root = folder();
    const store = fsStore({ root }, { statfs: () => NFS, calls: { link: async () => {} } });
    await expect(store.write('a', bytes('x'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'store/conflict',
      facts: { unclear: true, retryable: true },
    });
    expect(readdirSync(root)).toEqual([]);
  });

  test('on NFS a link or rename that fails leaves it unclear', async () => {
    const root = folder();
    const fail = (name: string) => () => Promise.reject(errno('EIO', name));
    const store = fsStore({ root }, { statfs: () => NFS, calls: { link: fail('link'), rename: fail('rename') } });
    for (const ifAbsent of [true, false])
      await expect(store.write('a', bytes('x'), { ifAbsent })).rejects.toMatchObject({
        facts: { unclear: true, retryable: true },
      });
  });

  test('another’s file on NFS, which our first look does not see, is a loss', async () => {
    const root = folder();
    plant(root, { a: 'theirs' });
    const store = fsStore({ root }, { statfs: () => NFS });
    expect(await store.write('a', bytes('ours'), { ifAbsent: true })).toEqual({ written: false });
    expect(readdirSync(root)).toEqual(['a']);
    expect(await readAll(store, 'a')).toBe('theirs');
  });
});

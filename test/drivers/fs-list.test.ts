import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asyncCalls, syncCalls } from '../../src/drivers/fs/calls.js';
import { fsStore } from '../../src/drivers/fs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import type { ListOptions, Store } from '../../src/store/store.js';
import { bytes, collect } from '../store/fakes.js';
import { asNobody, errno, NFS, plant, scratch } from './fs-rig.js';

const folder = scratch();
const keys = async (store: Store, prefix = '', options: ListOptions = {}) =>
  (await collect(store.list(prefix, options))).map((head) => head.key);

describe('fs: list', () => {
  test('any tree, prefix and `after`: what a flat store of the same keys lists', async () => {
    const segment = fc
      .string({ unit: fc.constantFrom('a', 'b', '.', '-', '0', 'ä', '\uffff', '🎉'), minLength: 1, maxLength: 3 })
      .filter((text) => text !== '.' && text !== '..');
    const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(key, { maxLength: 12 }),
        fc.oneof(
          fc.constant(''),
          key,
          segment,
          key.map((text) => `${text}/`),
          key.map((text) => text.slice(0, -1)),
        ),
        fc.option(
          fc.oneof(
            key,
            key.map((text) => `${text}/`),
          ),
          { nil: undefined },
        ),
        fc.boolean(),
        async (planted, prefix, after, remote) => {
          const slash = prefix.lastIndexOf('/');
          fc.pre(!prefix.isWellFormed() === false && !/^\/|\/\/|(^|\/)\.\.?\//.test(prefix.slice(0, slash + 1)));
          const root = folder();
          const store = fsStore({ root }, remote ? { statfs: () => NFS } : {});
          const memory = memoryStore();
          for (const name of planted) {
            try {
              plant(root, { [name]: name });
            } catch {
              continue; // A file stands where this one needs a folder, or the other way round.
            }
            await memory.write(name, bytes(name));
          }
          const options = after === undefined ? {} : { after };
          expect(await keys(store, prefix, options)).toEqual(await keys(memory, prefix, options));
          rmSync(root, { recursive: true });
        },
      ),
      { numRuns: 150 },
    );
  });

  test('`after` prunes whole folders: those before it are not even read', async () => {
    const root = folder();
    plant(root, { 'a/1': 'x', 'b/1': 'x', 'b/2/x': 'x', 'b/3/x': 'x', 'c/1': 'x' });
    const read: string[] = [];
    const readdir = (path: string) => {
      read.push(path.slice(root.length));
      return syncCalls.readdir(path);
    };
    const store = fsStore({ root }, { calls: { readdir } });
    expect(await keys(store, '', { after: 'b/2/x' })).toEqual(['b/3/x', 'c/1']);
    expect(read).toEqual(['', '/b', '/b/2', '/b/3', '/c']);
    read.length = 0;
    expect(await keys(store, 'b/3')).toEqual(['b/3/x']);
    expect(read).toEqual(['/b', '/b/3']);
  });

  test('streams: breaking off after the first name leaves the rest unread', async () => {
    const root = folder();
    for (const name of ['a', 'b', 'c']) plant(root, { [`${name}/1`]: 'x' });
    let stats = 0;
    const stat = (path: string) => {
      stats += 1;
      return syncCalls.stat(path);
    };
    for await (const head of fsStore({ root }, { calls: { stat } }).list('')) {
      expect(head.key).toBe('a/1');
      break;
    }
    expect(stats).toBe(1);
  });

  test('what is no object is no name: folders, pipes, sockets, dangling links, temporary files', async () => {
    const root = folder();
    plant(root, {
      a: 'x',
      '.hidden': 'x',
      '.stepaside-tmp-7-abc': 'x',
      'f/.stepaside-tmp-8-abc': 'x',
      'f/.nfs00000000deadbeef00000001': 'x',
    });
    mkdirSync(join(root, 'empty'));
    execFileSync('mkfifo', [join(root, 'pipe')]);
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('pipe', join(root, 'to-pipe'));
    symlinkSync('self', join(root, 'self'));
    expect(await keys(fsStore({ root }))).toEqual(['.hidden', 'a']);
    expect(await keys(fsStore({ root }), '.')).toEqual(['.hidden']);
  });

  test('links are followed, to files and to folders, and circles are left', async () => {
    const outside = folder();
    plant(outside, { beside: 'x' });
    const root = join(outside, 'root');
    plant(root, { 'a/b/file': 'hello', 'z/other': 'x' });
    symlinkSync('file', join(root, 'a/b/to-file'));
    symlinkSync('..', join(root, 'a/b/up'));
    symlinkSync('../z', join(root, 'a/z'));
    symlinkSync('../..', join(root, 'a/out'));
    symlinkSync('.', join(root, 'me'));
    const store = fsStore({ root });
    const listed = await keys(store);
    expect(listed).toContain('a/out/beside');
    expect(listed.filter((key) => !key.startsWith('a/out/'))).toEqual([
      'a/b/file',
      'a/b/to-file',
      'a/z/other',
      'z/other',
    ]);
    for (const prefix of ['a/', 'a/b/', 'a/z', 'z/'])
      expect(await keys(store, prefix), prefix).toEqual(listed.filter((key) => key.startsWith(prefix)));
    // Who names the circle himself gets what he named, once.
    expect(await keys(store, 'me/z')).toEqual(['me/z/other']);
    expect((await collect(store.list('a/b/to'))).map(({ key, size }) => [key, size])).toEqual([['a/b/to-file', 5]]);
  });

  test('a folder that may not be read is an error, never a shorter list', async () => {
    const root = folder();
    plant(root, { 'a/1': 'x', 'b/1': 'x', 'c/1': 'x' });
    for (const mode of [0o000, 0o444]) {
      chmodSync(join(root, 'b'), mode);
      await asNobody(async () => {
        const store = fsStore({ root });
        const seen: string[] = [];
        const walk = async () => {
          for await (const head of store.list('')) seen.push(head.key);
        };
        await expect(walk()).rejects.toMatchObject({ code: 'store/denied' });
        expect(seen).toEqual(['a/1']);
        expect(await keys(store, 'c')).toEqual(['c/1']);
      });
    }
    chmodSync(join(root, 'b'), 0o755);
  });

  test('what vanishes during the walk is skipped, a folder like a file', async () => {
    for (const type of [0xef53, NFS]) {
      const root = folder();
      plant(root, { 'a/1': 'x', b: 'x', 'c/1': 'x', d: 'x', 'e/1': 'x' });
      const store = fsStore({ root }, { statfs: () => type });
      const seen: string[] = [];
      for await (const head of store.list('')) {
        seen.push(head.key);
        if (head.key !== 'a/1') continue;
        rmSync(join(root, 'c'), { recursive: true });
        rmSync(join(root, 'b'));
      }
      expect(seen).toEqual(['a/1', 'd', 'e/1']);
    }
  });

  test('a file server that fails half-way is an error', async () => {
    const root = folder();
    plant(root, { 'a/1': 'x', 'b/1': 'x' });
    const readdir = (path: string) =>
      path.endsWith('/b') ? Promise.reject(errno('ESTALE', 'scandir')) : asyncCalls.readdir(path);
    const store = fsStore({ root }, { statfs: () => NFS, calls: { readdir } });
    await expect(keys(store)).rejects.toMatchObject({
      code: 'store/unavailable',
      facts: { status: 'ESTALE', retryable: true },
    });
  });

  test('a name that is no UTF-8 has no key, so there is no listing that could be whole', async () => {
    const root = folder();
    plant(root, { 'real-\ufffd': 'x' });
    expect(await keys(fsStore({ root }))).toEqual(['real-\ufffd']);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/broken-`), Buffer.from([0xff])]), 'x');
    await expect(keys(fsStore({ root }))).rejects.toMatchObject({ code: 'store/bad-key' });
  });

  test.each(['/a', 'a//b', '../', 'a/../b', './a', 'a\0', '\ud800'])(
    'the prefix %j, which no key can have, is refused',
    async (prefix) => {
      await expect(keys(fsStore({ root: folder() }), prefix)).rejects.toMatchObject({ code: 'store/bad-key' });
    },
  );

  test('over a network the files of a folder are asked about together', async () => {
    const root = folder();
    for (let i = 0; i < 100; i++) plant(root, { [`f${i}`]: 'x' });
    let now = 0;
    let most = 0;
    const stat = async (path: string) => {
      most = Math.max(most, ++now);
      const stats = await asyncCalls.stat(path);
      now -= 1;
      return stats;
    };
    const store = fsStore({ root }, { statfs: () => NFS, calls: { stat } });
    expect(await keys(store)).toHaveLength(100);
    expect(most).toBe(64);
    most = 0;
    expect(await keys(store, '', { pageSize: 10 })).toHaveLength(100);
    expect(most).toBe(10);
  });
});

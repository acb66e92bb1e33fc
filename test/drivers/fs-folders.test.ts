import { chmodSync, mkdirSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asyncCalls } from '../../src/drivers/fs/calls.js';
import { fsStore } from '../../src/drivers/fs.js';
import { asNobody, errno, NFS, plant, scratch } from './fs-rig.js';

const folder = scratch();
const gone = join(folder(), 'gone');

describe('fs: folders', () => {
  test('those right below, with their times, on a disk and over a network', async () => {
    const root = folder();
    plant(root, { 't/full/x': 'x', 't/file': 'x', 'other/x': 'x' });
    mkdirSync(join(root, 't/empty'));
    symlinkSync('full', join(root, 't/link'));
    utimesSync(join(root, 't/empty'), 1_000_000, 1_000_000.5);
    for (const type of [0xef53, NFS]) {
      const { folders } = fsStore({ root }, { statfs: () => type }).abilities.folders!;
      const found = [...(await folders('t/'))].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(found).toEqual([
        { name: 'empty', modifiedAt: 1_000_000_500 },
        { name: 'full', modifiedAt: expect.any(Number) },
      ]);
      expect((await folders('')).map(({ name }) => name).sort()).toEqual(['other', 't']);
      expect(await folders('none/')).toEqual([]);
      expect(await folders('t/file/')).toEqual([]);
    }
  });

  test('names are told without a look at each: files and links, no folders and no temporary files', async () => {
    const root = folder();
    plant(root, { 't/a': 'x', 't/b': 'x', 't/full/x': 'x', 't/.stepaside-tmp-1': 'x' });
    symlinkSync('nowhere', join(root, 't/link'));
    for (const type of [0xef53, NFS]) {
      const looked: string[] = [];
      const watched = <T>(look: (path: string) => T) => {
        return (path: string) => {
          looked.push(path);
          return look(path);
        };
      };
      const calls = { stat: watched(asyncCalls.stat), lstat: watched(asyncCalls.lstat) };
      const { names } = fsStore({ root }, { statfs: () => type, calls }).abilities.folders!;
      expect([...(await names('t/'))].sort()).toEqual(['a', 'b', 'link']);
      expect(looked).toEqual([]);
      expect(await names('none/')).toEqual([]);
    }
  });

  test('a doubt is no "none": a mount that is missing, a folder that is closed, a server that fails', async () => {
    const missing = fsStore({ root: gone, mount: true }).abilities.folders!;
    await expect(missing.folders('t/')).rejects.toMatchObject({ code: 'store/no-bucket' });
    await expect(missing.names('t/')).rejects.toMatchObject({ code: 'store/no-bucket' });
    const root = folder();
    plant(root, { 'closed/x/y': 'x' });
    chmodSync(join(root, 'closed'), 0o000);
    await asNobody(async () => {
      const { folders, names } = fsStore({ root }).abilities.folders!;
      await expect(folders('closed/')).rejects.toMatchObject({ code: 'store/denied' });
      await expect(names('closed/')).rejects.toMatchObject({ code: 'store/denied' });
    });
    chmodSync(join(root, 'closed'), 0o755);
    const calls = { readdir: () => Promise.reject(errno('ESTALE', 'scandir')) };
    const failing = fsStore({ root }, { statfs: () => NFS, calls }).abilities.folders!;
    await expect(failing.folders('')).rejects.toMatchObject({ facts: { status: 'ESTALE', retryable: true } });
    const closed = fsStore({ root });
    await closed.close();
    await expect(closed.abilities.folders!.folders('')).rejects.toMatchObject({ code: 'store/closed' });
    await expect(fsStore({ root }).abilities.folders!.folders('../')).rejects.toMatchObject({ code: 'store/bad-key' });
  });

  test('over a network a tree that the client believes absent is asked for by reading what is above it', async () => {
    const root = folder();
    mkdirSync(join(root, 't/_temporary'), { recursive: true });
    let stale = true;
    const hidden = (path: string) => stale && path.startsWith(join(root, 't'));
    const calls = {
      stat: async (path: string) => (hidden(path) ? undefined : asyncCalls.stat(path)),
      lstat: async (path: string) => (hidden(path) ? undefined : asyncCalls.lstat(path)),
      readdir: async (path: string) => {
        if (hidden(path)) return undefined;
        if (path === root) stale = false;
        return asyncCalls.readdir(path);
      },
    };
    const { folders } = fsStore({ root }, { statfs: () => NFS, calls }).abilities.folders!;
    expect((await folders('t/')).map(({ name }) => name)).toEqual(['_temporary']);
  });
});

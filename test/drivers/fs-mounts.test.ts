import { mkdirSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountRoot } from '../../src/drivers/fs/mount-root.js';
import { MountTable, mountTable } from '../../src/drivers/fs/mount-table.js';
import { plant, scratch } from './fs-rig.js';

const folder = scratch();
const line = (id: number, parent: number, point: string, type: string, more = '') =>
  `${id} ${parent} 0:${id} / ${point} rw,relatime ${more}- ${type} source rw,opt`;
const table = (...lines: string[]) => new MountTable(`${lines.join('\n')}\n`);

describe('the mount table', () => {
  test('a path lies on the mount that the kernel would come to', () => {
    const mounts = table(
      line(22, 27, '/proc', 'proc'),
      line(27, 1, '/', 'ext4', 'shared:1 master:2 '),
      line(30, 27, '/mnt/with\\040space', 'nfs4'),
      line(31, 27, '/a/b', 'xfs'),
      line(32, 27, '/a', 'tmpfs'),
      line(33, 27, '/twice', 'ext4'),
      line(34, 33, '/twice', 'fuse.s3fs'),
      'no mount at all',
    );
    const type = (path: string) => mounts.at(path)?.type;
    expect(['/', '/proc/1', '/procs', '/mnt', '/mnt/with space/x'].map(type)).toEqual([
      'ext4',
      'proc',
      'ext4',
      'ext4',
      'nfs4',
    ]);
    // Covered by what was mounted above it later.
    expect(type('/a/b/c')).toBe('tmpfs');
    expect(type('/twice/x')).toBe('fuse.s3fs');
    expect(new MountTable('').at('/x')).toBeUndefined();
  });

  test('is read from the kernel, where there is one', () => {
    expect(mountTable()?.at('/proc/self')?.type).toBe('proc');
  });
});

describe('where a file system begins', () => {
  const device = (path: string) => statSync(path).dev;

  test('at the highest folder of one device, whether or not the path exists', () => {
    const root = realpathSync(folder());
    plant(root, { 'a/b/c': 'x' });
    let top = root;
    while (dirname(top) !== top && device(dirname(top)) === device(root)) top = dirname(top);
    for (const path of [root, join(root, 'a/b/c'), join(root, 'none/at/all')]) expect(mountRoot(path)).toBe(top);
    expect(mountRoot('/proc/self/none')).toBe('/proc');
    expect(mountRoot('/')).toBe('/');
    // The same without a table, as on other systems.
    expect(mountRoot(join(root, 'a/b'), undefined)).toBe(top);
  });

  test('a link leads to another one, and that one’s name is as written; a circle leads nowhere', () => {
    const root = realpathSync(folder());
    symlinkSync('/proc', join(root, 'link'));
    symlinkSync('link/../proc', join(root, 'far'));
    symlinkSync('round', join(root, 'round'));
    expect(mountRoot(join(root, 'link/self'))).toBe(join(root, 'link'));
    expect(mountRoot(join(root, 'far/self'))).toBe(join(root, 'far'));
    expect(mountRoot(join(root, 'round/x'))).toBe(mountRoot(root));
  });

  test('at a mount that may block, found without a look at it: by its name, through links, below others', () => {
    const root = realpathSync(folder());
    mkdirSync(join(root, 'dead'));
    // If these were looked at they would be no folders, and the mount not found.
    const mounts = table(
      line(1, 0, '/', 'ext4'),
      line(2, 1, join(root, 'dead'), 'nfs'),
      line(3, 2, join(root, 'dead/inner'), 'tmpfs'),
    );
    symlinkSync('dead/x', join(root, 'link'));
    expect(mountRoot(join(root, 'dead/no/such/folder'), mounts)).toBe(join(root, 'dead'));
    expect(mountRoot(join(root, 'link/y'), mounts)).toBe(join(root, 'link'));
    expect(mountRoot(join(root, 'dead/inner/y'), mounts)).toBe(join(root, 'dead/inner'));
    expect(mountRoot(join(root, 'beside'), mounts)).toBe(mountRoot(root, mounts));
  });
});

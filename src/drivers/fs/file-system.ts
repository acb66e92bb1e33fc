/** What the kind of a file system says about it: numbers from statfs(2), https://man7.org/linux/man-pages/man2/statfs.2.html */
export interface FileSystem {
  readonly name: string;
  /** Somebody else can change it behind our kernel's back: lookups are cached, calls are slow and may hang. */
  readonly remote: boolean;
  /** Hard links are known to be there and to exclude. `false` is doubt: link(2) may work, but nobody vouches for it. */
  readonly hardLinks: boolean;
}

const local = (name: string): FileSystem => ({ name, remote: false, hardLinks: true });
const remote = (name: string, hardLinks: boolean): FileSystem => ({ name, remote: true, hardLinks });

const KNOWN: ReadonlyMap<number, FileSystem> = new Map([
  [0xef53, local('ext4')],
  [0x58465342, local('xfs')],
  [0x9123683e, local('btrfs')],
  [0x2fc12fc1, local('zfs')],
  [0xf2f52010, local('f2fs')],
  [0xca451a4e, local('bcachefs')],
  [0x01021994, local('tmpfs')],
  [0x858458f6, local('ramfs')],
  [0x794c7630, local('overlay')],
  [0x4d44, { name: 'vfat', remote: false, hardLinks: false }],
  [0x2011bab0, { name: 'exfat', remote: false, hardLinks: false }],
  [0x5346544e, { name: 'ntfs', remote: false, hardLinks: false }],
  [0x6969, remote('nfs', true)],
  [0x00c36400, remote('ceph', true)],
  [0x0bd00bd0, remote('lustre', true)],
  [0x47504653, remote('gpfs', true)],
  [0x19830326, remote('beegfs', false)],
  [0x517b, remote('smb', false)],
  [0xfe534d42, remote('smb2', false)],
  [0xff534d42, remote('cifs', false)],
  [0x65735546, remote('fuse', false)],
  [0x01021997, remote('9p', false)],
  [0x5346414f, remote('afs', false)],
  [0x01161970, remote('gfs2', true)],
  [0x7461636f, remote('ocfs2', true)],
  [0x786f4256, remote('vboxsf', false)],
]);

/**
 * Types that need nobody else to answer a look, by their names in /proc/self/mountinfo. Of all others one is missing at
 * times: what is not listed is taken for such a one.
 */
const AWAKE: ReadonlySet<string> = new Set([
  ...['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'zfs', 'f2fs', 'bcachefs', 'tmpfs', 'ramfs', 'rootfs', 'overlay', 'aufs'],
  ...['vfat', 'exfat', 'ntfs3', 'iso9660', 'squashfs', 'erofs', 'devtmpfs', 'devpts', 'proc', 'sysfs'],
]);

export function staysAwake(type: string): boolean {
  return AWAKE.has(type);
}

/** By its name alone, for one that must not be asked. */
export function fileSystemNamed(type: string): FileSystem {
  const name = type.startsWith('fuse') ? 'fuse' : type === 'nfs4' ? 'nfs' : type === 'smb3' ? 'smb2' : type;
  const found = [...KNOWN.values()].find((one) => one.name === name);
  return { ...(found ?? remote(type, false)), remote: true };
}

/** What is not known is taken for remote and unproven: slower, never wrong. */
export function fileSystemOf(type: number): FileSystem {
  // These numbers mean something on Linux only.
  if (process.platform !== 'linux') return local(process.platform);
  const magic = type >>> 0;
  return KNOWN.get(magic) ?? remote(`file system 0x${magic.toString(16)}`, false);
}

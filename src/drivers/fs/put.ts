import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../../core/error.js';
import { attempted, type FileCalls, isErrno } from './calls.js';
import type { Disk } from './disk.js';
import { translate } from './errors.js';
import { badKey, temporaryName } from './names.js';

interface PutOptions {
  readonly ifAbsent: boolean;
  /** Throws once the caller has given up: asked until the file gets its name, not after. */
  readonly check: () => void;
}

/**
 * So much is written by one call. Above some 128 KiB ext4 looks for large pages, which took up to five times as long; where
 * each call is a way to the thread pool, fewer of them pay.
 */
const PIECE = { quick: 128 * 1024, slow: 2 ** 20 };

/** This file system has no link(2) to speak of; says so once and for all. */
export class NoHardLinks extends StoreError {
  constructor(disk: Disk, key: string, cause: NodeJS.ErrnoException) {
    super(
      'store/unsupported',
      `${disk.name}: this file system cannot create a file exclusively: it makes no hard links (${cause.code})`,
      { store: disk.name, key, status: cause.code ?? 'unknown' },
      { hint: 'keep the cache on a file system with hard links, or on S3', cause },
    );
  }
}

/**
 * Bytes under a temporary name, on the disk, and only then under the real one; `false` if `ifAbsent` found another's.
 * The folder stays open throughout, so that what is synced at the end is the folder that was written to.
 */
export async function putFile(disk: Disk, key: string, body: Uint8Array, options: PutOptions): Promise<boolean> {
  const path = disk.path(key);
  // Else what was meant for a volume lands on the disk below it, out of sight as soon as it is mounted.
  await disk.checkMount();
  // On a network file system this answer may be old; and link(2) will give it anyway.
  if (options.ifAbsent && !disk.remote && (await isTaken(disk, key, path))) return false;
  // On a local disk write, link and unlink take microseconds, and each way to the thread pool takes more.
  const calls = disk.quick;
  const folder = await openFolder(disk, dirname(path), calls);
  try {
    const temporary = `${dirname(path)}/${temporaryName()}`;
    try {
      await writeDown(disk, temporary, body, calls);
      options.check();
      const written = await name(disk, key, temporary, path, { ...options, calls });
      await syncFolder(disk, folder).catch((error: unknown) => {
        throw translate(error, { store: disk.name, key, remote: disk.remote, unclear: true });
      });
      return written;
    } catch (error) {
      // After a rename there is none.
      await attempted(() => calls.unlink(temporary));
      throw error;
    }
  } finally {
    await calls.close(folder);
  }
}

async function writeDown(disk: Disk, temporary: string, body: Uint8Array, calls: FileCalls): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = await calls.open(temporary, flags, 0o666);
  if (fd === undefined) throw gone(disk, temporary);
  try {
    const piece = disk.isSlow ? PIECE.slow : PIECE.quick;
    for (let at = 0; at < body.byteLength; await disk.breathe())
      at += await calls.write(fd, body.subarray(at, at + piece), at);
    // Never a second time on the same descriptor: Linux forgets what failed, https://wiki.postgresql.org/wiki/Fsync_Errors
    await disk.slow.fsync(fd);
  } catch (error) {
    await attempted(() => calls.close(fd));
    throw error;
  }
  // NFS reports lost writes here: close(2), "Dealing with error returns from close()".
  await calls.close(fd);
}

interface Naming extends PutOptions {
  readonly calls: FileCalls;
}

async function name(disk: Disk, key: string, temporary: string, path: string, options: Naming): Promise<boolean> {
  const { ifAbsent, calls } = options;
  if (ifAbsent) return linkOnce(disk, key, temporary, path, calls);
  try {
    await calls.rename(temporary, path);
    return true;
  } catch (error) {
    // rename(2): on NFS "you can not assume that if the operation failed, the file was not renamed".
    throw translate(error, { store: disk.name, key, remote: disk.remote, unclear: disk.remote });
  }
}

/** link(2) takes no place that is taken: of any number of writers one wins, with all its bytes at once. */
async function linkOnce(disk: Disk, key: string, temporary: string, path: string, calls: FileCalls): Promise<boolean> {
  let failure: unknown;
  try {
    await calls.link(temporary, path);
  } catch (error) {
    failure = error;
  }
  // On NFS a repeated request meets its own success, so only the inode tells: open(2) on O_EXCL, link(2) "BUGS".
  const ours = failure === undefined && !disk.remote ? true : await isSame(disk, temporary, path);
  if (ours) {
    // The object is complete without this: a name left behind is rubbish, not damage.
    await attempted(() => calls.unlink(temporary));
    return true;
  }
  if (failure === undefined) throw lost(disk, key);
  if (!isErrno(failure)) throw failure;
  if (failure.code === 'EEXIST') {
    if (!(await isTaken(disk, key, path))) throw lost(disk, key);
    await calls.unlink(temporary);
    return false;
  }
  if (NO_LINKS.has(failure.code)) throw new NoHardLinks(disk, key, failure);
  throw translate(failure, { store: disk.name, key, remote: disk.remote, unclear: disk.remote });
}

/** EPERM: "the filesystem does not support the creation of hard links" (link(2)). EMLINK: it allows one name only. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

async function isSame(disk: Disk, temporary: string, path: string): Promise<boolean> {
  const [a, b] = [await disk.slow.lstat(temporary), await disk.slow.lstat(path)];
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

/** By a file. What else stands there can neither be replaced nor read, so it is the key that is wrong. */
async function isTaken(disk: Disk, key: string, path: string): Promise<boolean> {
  const named = await disk.quick.lstat(path);
  if (named === undefined || named.isFile()) return named !== undefined;
  const stats = named.isSymbolicLink() ? await disk.quick.stat(path) : named;
  if (stats?.isFile()) return true;
  const what = stats === undefined ? 'a link that leads nowhere' : 'something that is no file';
  throw badKey(disk.name, key, `${what} has that name`);
}

/** Neither ours nor anybody's: it was removed meanwhile, or the client's caches disagree. */
function lost(disk: Disk, key: string): StoreError {
  const facts = { store: disk.name, key, retryable: true, unclear: true };
  return new StoreError('store/conflict', `${disk.name}: ${key} was taken and is not there`, facts);
}

function gone(disk: Disk, path: string): StoreError {
  const facts = { store: disk.name, key: path, retryable: true };
  return new StoreError(
    'store/conflict',
    `${disk.name}: the folder of ${path} was removed while it was written to`,
    facts,
  );
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

async function openFolder(disk: Disk, folder: string, calls: FileCalls): Promise<number> {
  let fd = await calls.open(folder, FOLDER);
  if (fd === undefined) {
    await makeFolder(disk, folder);
    fd = await calls.open(folder, FOLDER);
  }
  if (fd === undefined) throw gone(disk, folder);
  return fd;
}

/** A new folder is as durable as its name in the one above. That somebody else just made it does not mean he synced it. */
async function makeFolder(disk: Disk, folder: string): Promise<void> {
  try {
    await makeOne(disk, folder);
  } catch (error) {
    if (!isErrno(error) || error.code !== 'ENOENT' || folder === dirname(folder)) throw error;
    await makeFolder(disk, dirname(folder));
    await makeOne(disk, folder);
  }
  const above = await disk.slow.open(dirname(folder), FOLDER);
  if (above === undefined) throw gone(disk, folder);
  try {
    await syncFolder(disk, above);
  } finally {
    await disk.slow.close(above);
  }
}

async function makeOne(disk: Disk, folder: string): Promise<void> {
  try {
    await disk.slow.mkdir(folder);
  } catch (error) {
    if (!isErrno(error) || error.code !== 'EEXIST') throw error;
    if (!(await disk.slow.stat(folder))?.isDirectory())
      throw badKey(disk.name, folder, 'a file stands where a folder is needed', error);
  }
}

/** The name itself is on the disk only after this: fsync(2), "an explicit fsync() on [...] the directory is also needed". */
async function syncFolder(disk: Disk, fd: number): Promise<void> {
  try {
    await disk.slow.fsync(fd);
  } catch (error) {
    // Some network file systems have no fsync for folders, and no need of one: the server has answered already.
    if (isErrno(error) && (error.code === 'EINVAL' || error.code === 'ENOTSUP') && disk.remote) return;
    throw error;
  }
}

/** Removes a file, or the link to one. A folder is no object, nor is a link to one: there is nothing to remove. */
export async function removeFile(disk: Disk, key: string): Promise<void> {
  const path = disk.path(key);
  if (!(await disk.lookUp(path))?.isFile()) return;
  const folder = await disk.slow.open(dirname(path), FOLDER);
  if (folder === undefined) return;
  try {
    try {
      await disk.slow.unlink(path);
    } catch (error) {
      if (!isErrno(error) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw error;
    }
    await syncFolder(disk, folder);
  } finally {
    await disk.slow.close(folder);
  }
}

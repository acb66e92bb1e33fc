import { type Stats, statSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { IntegrityError, StoreError } from '../core/error.js';
import { TEMPORARY } from '../core/parts.js';
import { errnoName } from '../store/errno.js';

/** What the kernel refuses is no bug of ours: told as a store's trouble, with the path it was about. */
export function fileTrouble(error: unknown): never {
  if (!(error instanceof Error) || !('syscall' in error)) throw error;
  const { errno, path = 'a file' } = error as NodeJS.ErrnoException;
  const code = errnoName(error as NodeJS.ErrnoException);
  // readdir puts U+FFFD for what it cannot decode, and by that name nothing is found.
  if (code === 'ENOENT' && path.includes('\ufffd'))
    throw new IntegrityError('integrity/list', `${path}: its name is not UTF-8 and cannot be kept`, { cause: error });
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const kind = denied ? 'store/denied' : full ? 'store/too-large' : 'store/unavailable';
  const [, why = error.message] = getSystemErrorMap().get(errno ?? 0) ?? [];
  const told = withoutTemporary(path);
  throw new StoreError(kind, `${told}: ${why} (${code})`, { store: told, status: code }, { cause: error });
}

/** Nobody knows a name of ours, and it is gone by the time it is read of: the folder that it would lie in is told. */
function withoutTemporary(path: string): string {
  const at = path.indexOf(`/${TEMPORARY}`);
  return at < 0 ? path : path.slice(0, at) || '/';
}

/** What lies there, if anything does; a link stands for what it leads to. */
export function statAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : fileTrouble(error);
  }
}

import { StoreError } from '../core/error.js';

/** What the kernel refuses is no bug of ours: told as a store's trouble, with the path it was about. */
export function fileTrouble(error: unknown): never {
  if (!(error instanceof Error) || !('syscall' in error)) throw error;
  const { code = 'unknown', path = 'a file' } = error as NodeJS.ErrnoException;
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const kind = denied ? 'store/denied' : full ? 'store/too-large' : 'store/unavailable';
  throw new StoreError(kind, `${path}: ${error.message}`, { store: path, status: code }, { cause: error });
}

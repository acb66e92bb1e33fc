import { join } from 'node:path';
import { type StoreCode, StoreError } from '../../core/error.js';
import { errnoName } from '../../store/errno.js';
import { isErrno } from './calls.js';

interface Meaning {
  readonly code: StoreCode;
  readonly why: string;
  readonly retryable?: boolean | 'remote';
}

const DENIED: Meaning = { code: 'store/denied', why: 'permission denied' };
const BUSY: Meaning = { code: 'store/unavailable', why: 'the system is out of something for now', retryable: true };
const AWAY: Meaning = { code: 'store/unavailable', why: 'the file server does not answer', retryable: true };
const FULL: Meaning = { code: 'store/unavailable', why: 'no space left' };

/** https://man7.org/linux/man-pages/man3/errno.3.html */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: { code: 'store/denied', why: 'it is mounted read-only' },
  ELOOP: { code: 'store/bad-key', why: 'its symbolic links go round in a circle' },
  ENAMETOOLONG: { code: 'store/bad-key', why: 'the name is too long for this file system' },
  EILSEQ: { code: 'store/bad-key', why: 'this file system cannot hold such a name' },
  EINVAL: { code: 'store/bad-key', why: 'this file system cannot hold such a name' },
  EISDIR: { code: 'store/bad-key', why: 'a folder has that name' },
  ENOTDIR: { code: 'store/bad-key', why: 'a file stands where a folder is needed' },
  ENOSPC: FULL,
  EDQUOT: { ...FULL, why: 'no space left in the quota' },
  EFBIG: { code: 'store/too-large', why: 'the file system takes no file of that size' },
  // On a soft mount this is also what a time-out looks like: nfs(5), "soft".
  EIO: { code: 'store/unavailable', why: 'input/output error', retryable: 'remote' },
  // The file was replaced on the server; the path, opened again, leads to the new one.
  ESTALE: { code: 'store/unavailable', why: 'the file handle is stale', retryable: true },
  EMFILE: { ...BUSY, why: 'too many open files' },
  ENFILE: { ...BUSY, why: 'too many open files' },
  ENOMEM: BUSY,
  EAGAIN: BUSY,
  EINTR: BUSY,
  EBUSY: BUSY,
  ENOLCK: BUSY,
  ETIMEDOUT: AWAY,
  EHOSTDOWN: AWAY,
  EHOSTUNREACH: AWAY,
  ENETUNREACH: AWAY,
  ECONNRESET: AWAY,
  ECONNABORTED: AWAY,
  ECONNREFUSED: AWAY,
  ENOTCONN: AWAY,
  EREMOTEIO: AWAY,
  // A folder on the way was removed after we made it, or a rival made it first.
  ENOENT: { code: 'store/conflict', why: 'somebody else changes these folders', retryable: true },
  EEXIST: { code: 'store/conflict', why: 'somebody else changes these folders', retryable: true },
};

const UNKNOWN: Meaning = { code: 'store/unavailable', why: 'the system refuses' };

/** An error of the kernel as one of the store; any other as it is. */
export function translate(
  error: unknown,
  { store, key, remote, unclear }: { store: string; key: string; remote: boolean; unclear?: boolean },
): unknown {
  if (!isErrno(error) || __SABOTAGE__ === 'errors-untranslated') return error;
  const status = errnoName(error);
  const { code, why, retryable = false } = MEANINGS[status] ?? UNKNOWN;
  const facts = {
    store,
    key,
    status,
    retryable: retryable === 'remote' ? remote : retryable,
    ...(unclear && { unclear }),
  };
  return new StoreError(
    code,
    `${store.startsWith('/') ? join(store, key) : `${store}/${key}`}: ${why} (${status} in ${error.syscall})`,
    facts,
    { cause: error },
  );
}

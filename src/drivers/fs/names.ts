import { randomBytes } from 'node:crypto';
import { StoreError } from '../../core/error.js';
import { TEMPORARY } from '../../core/parts.js';

/** What an NFS client makes of a file that is removed while open: https://nfs.sourceforge.net/#faq_d2 */
const SILLY = /^\.nfs[0-9a-f.]+$/i;

/** Unlike any other writer's, in this process, on this machine or on the next one that mounts the same folder. */
export function temporaryName(): string {
  return `${TEMPORARY}${process.pid}-${randomBytes(8).toString('hex')}`;
}

/** Names that come and go by themselves and are nobody's objects. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') && (name.startsWith(TEMPORARY) || SILLY.test(name));
}

export function checkKey(store: string, key: string): void {
  const why = fault(key) ?? (key.split('/').some(isHidden) ? 'such names are temporary files' : undefined);
  if (why !== undefined) throw badKey(store, key, why);
}

/** Of a prefix, the last segment is the beginning of a name: `a/.` is fine and finds `a/.hidden`. */
export function checkPrefix(store: string, prefix: string): void {
  const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
  const why = prefix.includes('/') ? fault(folder) : undefined;
  if (why !== undefined || prefix.includes('\0') || !prefix.isWellFormed())
    throw badKey(store, prefix, why ?? 'no key holds that');
}

export function badKey(store: string, key: string, why: string, cause?: unknown): StoreError {
  return new StoreError('store/bad-key', `${store}: ${JSON.stringify(key)}: ${why}`, { store, key }, { cause });
}

function fault(key: string): string | undefined {
  if (key === '') return 'a key cannot be empty';
  if (key.includes('\0')) return 'a key cannot hold NUL';
  if (!key.isWellFormed()) return 'a key must be valid Unicode';
  if (key.startsWith('/')) return 'a key is relative and cannot begin with "/"';
  for (const segment of key.split('/')) {
    if (segment === '') return 'a path has no empty segments';
    if (segment === '.' || segment === '..') return `a segment "${segment}" could climb out of the folder`;
  }
  return undefined;
}

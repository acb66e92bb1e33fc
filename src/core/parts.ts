import type { Digest } from './brand.js';
import { encode, type Json } from './encoding.js';
import type { Hash } from './hash.js';
import { OUR_MARKER } from './marker.js';
import { compareUtf8 } from './utf8.js';

/** One thing that an output consists of; `path` is relative to the output, '' for an output that is a single object. */
export interface Part {
  readonly path: string;
  readonly size: number;
  /** S3's tag, unquoted. */
  readonly etag?: string;
  /** A volume's tag. */
  readonly file?: { readonly mtimeNs: string; readonly ctimeNs: string; readonly inode: string };
  readonly modifiedAt: number;
  readonly archived?: boolean;
  /** BLAKE3 of the bytes, where somebody read them. */
  readonly digest?: Digest;
}

/** Names of our own temporary files begin with this. */
export const TEMPORARY = '.stepaside-tmp-';

/** What is no part of any output: exactly its declared marker, our marker, our temporary names, NFS's leftovers. */
export function isPart(path: string, marker?: string): boolean {
  if (path === marker) return false;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name !== OUR_MARKER && !name.startsWith(TEMPORARY) && !name.startsWith('.nfs');
}

/**
 * Whether a part counts when somebody asks "is anything there" or "are there `min`". Readers of Hive layouts ignore names
 * with `_` or `.`, in any segment: what lies in `_temporary/` is not there yet. Placeholders of folders hold no data.
 */
export function counts(part: Pick<Part, 'path' | 'size'>): boolean {
  return !isPlaceholder(part) && !/(^|\/)[_.]/.test(part.path);
}

/** `dt=1/` and `dt=1_$folder$` stand for folders, which objects do not need. */
export function isPlaceholder({ path, size }: Pick<Part, 'path' | 'size'>): boolean {
  return size === 0 && (path.endsWith('/') || path.endsWith('_$folder$'));
}

/** Signs that somebody is writing into a tree now, or died while doing so. */
const IN_PROGRESS = /^(_temporary|__magic|__magic_job-[^/]*|\.spark-staging-[^/]*)(\/|$)/;

export function inProgressSign(path: string): string | undefined {
  return IN_PROGRESS.exec(path)?.[1];
}

type Tagged = Pick<Part, 'size' | 'etag' | 'file'>;

/** The same bytes for all that the store can tell: its ETag, or on a volume times and inode. */
export function isSameVersion(a: Tagged, b: Tagged): boolean {
  if (a.size !== b.size) return false;
  if (a.etag !== undefined || b.etag !== undefined) return a.etag === b.etag;
  return a.file?.mtimeNs === b.file?.mtimeNs && a.file?.ctimeNs === b.file?.ctimeNs && a.file?.inode === b.file?.inode;
}

export interface PartChange {
  readonly path: string;
  readonly what: 'gone' | 'extra' | 'size' | 'content' | 'tag' | 'unverified';
}

export type PartsVerdict =
  | { readonly same: true }
  /** With nothing but `unverified` changes, hashing those parts can settle it. */
  | { readonly same: false; readonly changes: readonly PartChange[] };

/** Every part as recorded, none missing, none extra. `deep` trusts nothing but digests. */
export function compareParts(recorded: readonly Part[], seen: readonly Part[], deep = false): PartsVerdict {
  const before = new Map(recorded.map((part) => [part.path, part]));
  const changes: PartChange[] = [];
  for (const now of seen) {
    const was = before.get(now.path);
    before.delete(now.path);
    const what = was ? changeOf(was, now, deep) : __SABOTAGE__ === 'extra-ignored' ? undefined : 'extra';
    if (what) changes.push({ path: now.path, what });
  }
  for (const path of before.keys()) changes.push({ path, what: 'gone' });
  changes.sort((a, b) => compareUtf8(a.path, b.path));
  return changes.length === 0 ? { same: true } : { same: false, changes };
}

function changeOf(was: Part, now: Part, deep: boolean): PartChange['what'] | undefined {
  if (was.size !== now.size) return 'size';
  if (!deep) {
    if (was.etag !== undefined && now.etag !== undefined) return was.etag === now.etag ? undefined : 'tag';
    if (was.file && now.file && was.file.mtimeNs === now.file.mtimeNs && was.file.inode === now.file.inode)
      return undefined;
  }
  // Same size, another time or inode: clones, FUSE and rsync do that. Only the bytes can tell.
  if (was.digest === undefined || now.digest === undefined) return 'unverified';
  return was.digest === now.digest ? undefined : 'content';
}

/** Rows hashed at a time: bounds memory at a million parts without changing what is proven. */
const PAGE = 1024;

/**
 * Identity of what lies in a place, whoever put it there: sorted (path, size, ETag or BLAKE3). Never version ids, times
 * or inodes, so a re-run with equal contents is equal. Undefined if a part has neither tag: then nobody can say.
 */
export function contentIdentity(parts: readonly Part[], hash: Hash): Digest | undefined {
  const rows: Json[] = [];
  for (const part of [...parts].sort((a, b) => compareUtf8(a.path, b.path))) {
    if (isSuccessMarker(part.path)) continue;
    const tag = part.etag === undefined ? part.digest : `etag-${part.etag}`;
    if (tag === undefined) return undefined;
    rows.push([part.path, part.size, tag]);
  }
  const pages: Json[] = [];
  for (let i = 0; i < rows.length; i += PAGE) {
    pages.push(hash.digest(encode(['stepaside/content/1/page', rows.slice(i, i + PAGE)])));
  }
  return hash.digest(encode(['stepaside/content/1', rows.length, pages]));
}

/** Job times are in it: were it content, no two runs would ever agree. */
function isSuccessMarker(path: string): boolean {
  return path === '_SUCCESS' || path.endsWith('/_SUCCESS');
}

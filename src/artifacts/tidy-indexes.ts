import type { Digest } from '../core/brand.js';
import { type IndexedPack, writeIndex } from './blob-index.js';
import type { Blobs } from './blobs.js';
import { readBytes } from './bytes.js';
import { digestIn, INDEXES, indexKey } from './layout.js';
import { packBytes } from './pack.js';
import { MAX_INDEX, packsIn } from './stored-index.js';
import type { Doomed } from './survey.js';

/** Indexes this small are written as one, once there are so many of them: each is a request for whoever opens the store. */
const SMALL = 64 * 1024;
const MANY = 16;
/** An index is written when it has grown to this. */
const FULL = 2 ** 20;

/** Indexes that are to be written anew: those that name what is gone (or will be), and the small ones if they are many. */
export async function staleIndexes(blobs: Blobs, gone: ReadonlySet<Digest>): Promise<readonly Doomed[]> {
  const stale: Doomed[] = [];
  const small: Doomed[] = [];
  for await (const { key, size } of blobs.store.list(INDEXES)) {
    const digest = digestIn(key);
    if (digest === undefined) continue;
    const rows = await readIndexAt(blobs, digest);
    if (rows.length === 0 || rows.some((row) => !isThere(blobs, row, gone)))
      stale.push({ key, kind: 'index', size, why: 'it names what is gone' });
    else if (size < SMALL) small.push({ key, kind: 'index', size, why: 'small indexes are written as one' });
  }
  return small.length < MANY ? stale : [...stale, ...small];
}

const isThere = ({ packs }: Blobs, row: IndexedPack, gone: ReadonlySet<Digest>) =>
  !gone.has(row.pack) && packs.get(row.pack) === packBytes(row.rows);

async function readIndexAt(blobs: Blobs, digest: Digest): Promise<readonly IndexedPack[]> {
  const bytes = await readBytes(blobs.store, indexKey(digest), MAX_INDEX);
  return bytes === undefined || blobs.hash.digest(bytes) !== digest ? [] : packsIn(bytes);
}

interface Renewal {
  readonly stale: readonly Doomed[];
  readonly gone: ReadonlySet<Digest>;
  /** Packs that no index names. */
  readonly adopted: readonly IndexedPack[];
  /** Asked before each write and removal. */
  readonly check: () => Promise<void>;
}

/** What the stale ones say of packs that are there, and what packs without an index say themselves; then the stale ones go. */
export async function renewIndexes(blobs: Blobs, { stale, gone, adopted, check }: Renewal): Promise<readonly Doomed[]> {
  const named = new Set<Digest>();
  const written = new Set<string>();
  let rows: IndexedPack[] = [];
  let size = 0;
  const flush = async () => {
    if (rows.length === 0) return;
    const bytes = writeIndex(rows);
    const key = indexKey(blobs.hash.digest(bytes));
    await check();
    await blobs.store.write(key, bytes);
    written.add(key);
    [rows, size] = [[], 0];
  };
  const take = async (row: IndexedPack) => {
    if (named.has(row.pack) || !isThere(blobs, row, gone)) return;
    named.add(row.pack);
    rows.push(row);
    size += row.rows.byteLength;
    if (size >= FULL) await flush();
  };
  for (const { key } of stale) for (const row of await readIndexAt(blobs, digestIn(key)!)) await take(row);
  for (const row of adopted) await take(row);
  await flush();
  const removed = stale.filter(({ key }) => !written.has(key));
  for (const { key } of removed) {
    await check();
    await blobs.store.remove(key);
  }
  return removed;
}

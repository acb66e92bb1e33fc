import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import type { Blake3 } from '../hash.js';
import type { Store } from '../store/store.js';
import { BlobIndex, type IndexedPack, readIndex } from './blob-index.js';
import { readBytes } from './bytes.js';
import { Flight } from './flight.js';
import { digestIn, INDEXES, indexKey, PACKS, packKey, QUARANTINE } from './layout.js';
import { PACK_TRAILER, packBytes, packTailBytes, readPackTail } from './pack.js';
import type { PackRows } from './pack-rows.js';
import { epochOf } from './truce.js';

/** An index of more than a hundred packs of the smallest blobs is none of ours. */
export const MAX_INDEX = 64 * 2 ** 20;

/** Which blobs lie in packs, as far as the store says so. */
export interface StoredIndex {
  readonly index: BlobIndex;
  /** By name, the size of every pack there is. */
  readonly packs: ReadonlyMap<string, number>;
  /** `<blob>.<pack>` of what was put aside. */
  readonly bad: ReadonlyMap<string, number>;
  /** Packs that no index names: being written, left by somebody who was killed, or their index was lost. */
  readonly unnamed: ReadonlySet<Digest>;
  /** Of the last sweep before all this was read. */
  readonly epoch: string;
  /** Every index that was listed could be read. */
  readonly whole: boolean;
}

export const EMPTY: StoredIndex = {
  index: new BlobIndex(),
  packs: new Map(),
  bad: new Map(),
  unnamed: new Set(),
  epoch: '',
  whole: true,
};

interface From {
  readonly store: Store;
  readonly hash: Blake3;
  readonly width: number;
}

/** A sweeper writes many small indexes anew as one: who met them going looks again, so many times. */
const LOOKS = 4;

/** What an index says counts only as long as its pack is there, whole: what was lost is written anew by the next put. */
export async function readStoredIndex(from: From, shunned: ReadonlySet<Digest> = new Set()): Promise<StoredIndex> {
  // First: a sweep that begins after this is noticed by the next put.
  const epoch = await epochOf(from.store);
  for (let looks = 1; ; looks++) {
    const read = await readOnce(from, shunned);
    if (read.whole || looks === LOOKS) return { ...read, epoch };
  }
}

async function readOnce({ store, hash, width }: From, shunned: ReadonlySet<Digest>) {
  const [packs, bad, indexes] = await Promise.all([
    sizesBelow(store, PACKS),
    sizesBelow(store, QUARANTINE),
    sizesBelow(store, INDEXES),
  ]);
  const index = new BlobIndex();
  const unnamed = new Set([...packs.keys()].flatMap((name) => digestIn(name) ?? []));
  const last: IndexedPack[] = [];
  const add = ({ pack, rows }: IndexedPack) => index.addPack(pack, rows, badIn(bad, pack));
  let whole = true;
  const flight = new Flight(width);
  for (const name of indexes.keys()) {
    const digest = digestIn(name);
    if (digest === undefined) continue;
    await flight.add(async () => {
      const bytes = await readBytes(store, indexKey(digest), MAX_INDEX);
      if (bytes === undefined) whole = false;
      if (bytes === undefined || hash.digest(bytes) !== digest) return;
      for (const row of packsIn(bytes)) {
        if (packs.get(row.pack) !== packBytes(row.rows)) continue;
        unnamed.delete(row.pack);
        if (shunned.has(row.pack)) last.push(row);
        else add(row);
      }
    });
  }
  await flight.done();
  last.forEach(add);
  return { index, packs, bad, unnamed, whole };
}

/** Which of its blobs were put aside; undefined where nothing was. */
export function badIn(bad: StoredIndex['bad'], pack: Digest): ((digest: Digest) => boolean) | undefined {
  return bad.size === 0 ? undefined : (digest) => bad.has(`${digest}.${pack}`);
}

/** What is no index names no blobs: what it would have named is missed, and found in the packs or written anew. */
export function packsIn(bytes: Buffer): readonly IndexedPack[] {
  try {
    return [...readIndex(bytes)];
  } catch (error) {
    if (error instanceof IntegrityError) return [];
    throw error;
  }
}

/** What a pack of `size` bytes holds by its own word; undefined where it is none. */
export async function readTail(store: Store, pack: Digest, size: number): Promise<PackRows | undefined> {
  const last = (length: number) =>
    readBytes(store, packKey(pack), length, { offset: Math.max(0, size - length), length });
  try {
    const trailer = await last(PACK_TRAILER);
    const tail = trailer && (await last(packTailBytes(trailer)));
    return tail && readPackTail(tail, size);
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
}

/** The names right below a prefix, with their sizes. */
async function sizesBelow(store: Store, prefix: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, size } of store.list(prefix)) sizes.set(key.slice(prefix.length), size);
  return sizes;
}

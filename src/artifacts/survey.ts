import type { Digest } from '../core/brand.js';
import type { Blobs } from './blobs.js';
import { ARTIFACTS, CHUNKS, digestIn, PACK, PACKS } from './layout.js';
import type { Marks } from './marks.js';
import { roomOf } from './pack.js';

export interface Doomed {
  readonly key: string;
  readonly kind: 'artifact' | 'chunk' | 'pack' | 'index' | 'temporary' | 'trash';
  readonly size: number;
  readonly why: string;
}

export interface Survey {
  readonly doomed: readonly Doomed[];
  /** Packs of which less lives than is worth their room: what lives is to be written to others. */
  readonly sparse: readonly Doomed[];
  /** Packs older than `before` that something needs. */
  readonly needed: ReadonlySet<Digest>;
}

/** Packs this small are written together, once there are so many of them: each costs requests of its own. */
const SMALL = PACK / 4;
const MANY = 8;

/** What nothing that stays needs, and what is older than `before`. */
export async function survey(blobs: Blobs, marks: Marks, before: number): Promise<Survey> {
  const { store } = blobs;
  const doomed: Doomed[] = [];
  for await (const { key, size, modifiedAt } of store.list(ARTIFACTS)) {
    const digest = digestIn(key);
    if (digest === undefined || marks.isRoot(digest) || modifiedAt >= before) continue;
    doomed.push({ key, kind: 'artifact', size, why: marks.whyGone(digest) });
  }
  for await (const { key, size, modifiedAt } of store.list(CHUNKS)) {
    const digest = digestIn(key);
    if (digest === undefined || marks.isLive(digest) || modifiedAt >= before) continue;
    doomed.push({ key, kind: 'chunk', size, why: 'no kept artifact holds it' });
  }
  const live = liveBytes(blobs, marks);
  const sparse: Doomed[] = [];
  const small: Doomed[] = [];
  const needed = new Set<Digest>();
  for await (const { key, size, modifiedAt } of store.list(PACKS)) {
    const pack = digestIn(key);
    if (pack === undefined || modifiedAt >= before) continue;
    const bytes = live.get(pack) ?? 0;
    if (bytes > 0) needed.add(pack);
    const share = `${Math.floor(((size - bytes) / size) * 100)}% of it is dead`;
    if (bytes === 0) doomed.push({ key, kind: 'pack', size, why: 'no kept artifact holds any of its blobs' });
    else if (bytes * 2 < size) sparse.push({ key, kind: 'pack', size, why: `${share}: what lives moves to another` });
    else if (size < SMALL)
      small.push({
        key,
        kind: 'pack',
        size,
        why: 'small packs are written together: what lives moves to another',
      });
  }
  if (small.length >= MANY) sparse.push(...small);
  return { doomed, sparse, needed };
}

/** By pack, the room of the blobs that are taken from it. */
function liveBytes(blobs: Blobs, marks: Marks): ReadonlyMap<Digest, number> {
  const live = new Map<Digest, number>();
  for (const [digest, { pack, size }] of blobs.index)
    if (marks.isLive(digest)) live.set(pack, (live.get(pack) ?? 0) + roomOf(size));
  return live;
}

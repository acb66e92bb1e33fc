import type { Digest } from '../core/brand.js';
import type { IndexedPack } from './blob-index.js';
import type { Blobs } from './blobs.js';
import { digestIn } from './layout.js';
import { type Keeping, Marks } from './marks.js';
import { pinned } from './pins.js';
import { repack } from './repack.js';
import { type Doomed, type Survey, survey } from './survey.js';
import { renewIndexes, staleIndexes } from './tidy-indexes.js';
import { beginSweep, clearSigns } from './truce.js';

export interface CollectOptions {
  /** What stays, and why. Asked when the marking begins, and once more when nobody writes: a record may have come since. */
  readonly keeping: () => Promise<Keeping>;
  /** What is younger stays: somebody may be about to name it. Longer than the longest run. */
  readonly graceMs: number;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: () => number;
  readonly dryRun?: boolean | undefined;
  /** How long writers at work are waited for. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Collected {
  readonly kept: number;
  readonly doomed: readonly Doomed[];
  readonly removedBytes: number;
  /** `busy`: writers or another sweeper did not end in time, and nothing was deleted. */
  readonly ended: 'done' | 'dry-run' | 'busy';
}

/**
 * Mark, while others write, and copy what lives in packs that are mostly dead; then sweep, while nobody writes. What was
 * put between the two is marked before anything is deleted. Roots go first, as they came last: whoever is killed here
 * leaves chunks that nothing names and copies of what is there, for the next time.
 */
export async function collect(blobs: Blobs, options: CollectOptions): Promise<Collected> {
  const { keeping, graceMs, now, dryRun = false, waitMs = 30_000, signal } = options;
  const old = now() - graceMs;
  const marks = new Marks(blobs);
  const look = async () => {
    const [keep, pins] = [await keeping(), await pinned(blobs)];
    const before = Math.min(old, keep.since ?? old);
    // biome-ignore format: the broken form is compiled out of the package; the campaign on writers and sweepers must catch it
    if (__SABOTAGE__ !== 'single-mark' || marks.kept === 0)
    await marks.all({ ...keep, pins }, before, signal);
    return survey(blobs, marks, before);
  };

  await blobs.reload();
  const adopted = await blobs.adopt();
  const found = await look();
  const packs = packsOf([...found.doomed, ...found.sparse]);
  const stale = await staleIndexes(blobs, packs);
  const doomed = [...found.doomed, ...found.sparse, ...stale];
  if (dryRun) return { kept: marks.kept, doomed, removedBytes: 0, ended: 'dry-run' };
  // An index was lost: what those packs hold is to be named again.
  if (doomed.length === 0 && !adopted.some(({ pack }) => found.needed.has(pack))) {
    await clearSigns(blobs.store, now);
    return { kept: marks.kept, doomed, removedBytes: 0, ended: 'done' };
  }

  const copied =
    found.sparse.length === 0 ? new Set<Digest>() : await repack(blobs, marks, packsOf(found.sparse), signal);
  const sweep = await beginSweep(blobs.store, now, waitMs, signal);
  if (sweep === undefined) return { kept: marks.kept, doomed: [], removedBytes: 0, ended: 'busy' };
  let gone: readonly Doomed[];
  try {
    await blobs.reload(copied);
    gone = await removeStill(blobs, {
      first: found,
      copied,
      adopted: await blobs.adopt(),
      now: await look(),
      async check() {
        signal?.throwIfAborted();
        await sweep.check();
      },
    });
  } finally {
    await sweep.end();
  }
  await blobs.reload(new Set());
  return { kept: marks.kept, doomed: gone, removedBytes: gone.reduce((sum, { size }) => sum + size, 0), ended: 'done' };
}

interface Sweep {
  readonly first: Survey;
  /** Packs of which all that lived was written to others. */
  readonly copied: ReadonlySet<Digest>;
  readonly adopted: readonly IndexedPack[];
  readonly now: Survey;
  readonly check: () => Promise<void>;
}

/** What was doomed the first time and is now: whatever came or was used again since has been marked. */
async function removeStill(blobs: Blobs, { first, copied, adopted, now, check }: Sweep): Promise<readonly Doomed[]> {
  const known = new Map([...first.doomed, ...first.sparse].map((one) => [one.key, one]));
  const gone: Doomed[] = [];
  // biome-ignore format: blobs before what names them is what kills must show
  for (const one of __SABOTAGE__ === 'roots-last' ? [...now.doomed].reverse() : now.doomed) {
    const before = known.get(one.key);
    if (before === undefined || (first.sparse.some(({ key }) => key === one.key) && !copied.has(digestIn(one.key)!)))
      continue;
    await check();
    await blobs.store.remove(one.key);
    gone.push(before);
  }
  const lost = packsOf(gone);
  const stale = await staleIndexes(blobs, lost);
  return [...gone, ...(await renewIndexes(blobs, { stale, gone: lost, adopted, check }))];
}

function packsOf(doomed: readonly Doomed[]): ReadonlySet<Digest> {
  return new Set(doomed.flatMap(({ kind, key }) => (kind === 'pack' ? (digestIn(key) ?? []) : [])));
}

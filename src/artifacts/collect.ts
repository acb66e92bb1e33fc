import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { listArtifacts } from './artifact.js';
import type { Blobs } from './blobs.js';
import { ARTIFACTS, artifactKey, CHUNKS, chunkKey, digestIn, PACKS, packKey } from './layout.js';
import { beginSweep } from './truce.js';
import { blobsOf } from './verify.js';

export interface CollectOptions {
  /** What stays, and why. Asked when the marking begins, and once more when nobody writes: a record may have come since. */
  readonly kept: () => Promise<ReadonlyMap<Digest, string>>;
  /** What is younger stays: somebody may be about to name it. Longer than the longest run. */
  readonly graceMs: number;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: () => number;
  readonly dryRun?: boolean | undefined;
  /** How long writers at work are waited for. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Doomed {
  readonly key: string;
  readonly kind: 'artifact' | 'chunk' | 'pack';
  readonly size: number;
  readonly why: string;
}

export interface Collected {
  readonly kept: number;
  readonly doomed: readonly Doomed[];
  readonly removedBytes: number;
  /** `busy`: writers did not end in time, and nothing was deleted. */
  readonly ended: 'done' | 'dry-run' | 'busy';
}

/**
 * Mark, while others write; then sweep, while nobody does. What was put between the two is marked before anything is
 * deleted. Roots go first, as they came last: whoever is killed here leaves chunks that nothing names, for the next time.
 */
export async function collect(blobs: Blobs, options: CollectOptions): Promise<Collected> {
  const { graceMs, now, dryRun = false, waitMs = 30_000, signal } = options;
  const began = now();
  await blobs.reload();
  const marks = new Marks(blobs, options);
  await marks.all(signal);
  const doomed = await marks.doomed(began - graceMs);
  const facts = { kept: marks.kept, doomed, removedBytes: 0 };
  if (dryRun) return { ...facts, ended: 'dry-run' };
  if (doomed.length === 0) return { ...facts, ended: 'done' };
  const sweep = await beginSweep(blobs.store, now, waitMs);
  if (sweep === undefined) return { ...facts, doomed: [], ended: 'busy' };
  const gone: Doomed[] = [];
  try {
    await blobs.reload();
    // Whatever came or was used again since the marking: its root is younger, or not among those that were seen.
    // biome-ignore format: the broken form is compiled out of the package; the test of writers at work must catch it
    if (__SABOTAGE__ !== 'single-mark')
    await marks.all(signal);
    const still = new Set((await marks.doomed(began - graceMs)).map(({ key }) => key));
    for (const one of doomed) {
      if (!still.has(one.key)) continue;
      signal?.throwIfAborted();
      await sweep.check();
      await blobs.store.remove(one.key);
      gone.push(one);
    }
  } finally {
    await sweep.end();
  }
  await blobs.reload();
  return { kept: marks.kept, doomed: gone, removedBytes: gone.reduce((sum, { size }) => sum + size, 0), ended: 'done' };
}

class Marks {
  readonly #blobs: Blobs;
  readonly #options: CollectOptions;
  readonly #roots = new Map<Digest, number>();
  readonly #live = new Set<Digest>();
  readonly #packs = new Set<Digest>();

  constructor(blobs: Blobs, options: CollectOptions) {
    this.#blobs = blobs;
    this.#options = options;
  }

  get kept(): number {
    return this.#roots.size;
  }

  /** Every root that something keeps or that is young, and all it needs; those seen before are not read again. */
  async all(signal: AbortSignal | undefined): Promise<void> {
    const { graceMs, now } = this.#options;
    const kept = await this.#options.kept();
    for await (const { digest, putAt } of listArtifacts(this.#blobs)) {
      signal?.throwIfAborted();
      if (this.#roots.has(digest)) continue;
      if (putAt < now() - graceMs && !kept.has(digest)) continue;
      this.#roots.set(digest, putAt);
      try {
        for await (const blob of blobsOf(this.#blobs, digest)) this.#mark(blob);
      } catch (error) {
        // A broken one keeps what can still be read of it.
        if (!(error instanceof IntegrityError)) throw error;
      }
    }
  }

  #mark(blob: Digest): void {
    const spot = this.#blobs.index.find(blob);
    if (spot === undefined) this.#live.add(blob);
    else this.#packs.add(spot.pack);
  }

  async doomed(before: number): Promise<readonly Doomed[]> {
    const { store } = this.#blobs;
    const found: Doomed[] = [];
    for await (const { key, size, modifiedAt } of store.list(ARTIFACTS)) {
      const digest = digestIn(key);
      if (digest === undefined || this.#roots.has(digest) || modifiedAt >= before) continue;
      found.push({ key: artifactKey(digest), kind: 'artifact', size, why: 'nothing keeps it' });
    }
    for await (const { key, size, modifiedAt } of store.list(CHUNKS)) {
      const digest = digestIn(key);
      if (digest === undefined || this.#live.has(digest) || modifiedAt >= before) continue;
      found.push({ key: chunkKey(digest), kind: 'chunk', size, why: 'no kept artifact holds it' });
    }
    for await (const { key, size, modifiedAt } of store.list(PACKS)) {
      const digest = digestIn(key);
      if (digest === undefined || this.#packs.has(digest) || modifiedAt >= before) continue;
      found.push({ key: packKey(digest), kind: 'pack', size, why: 'no kept artifact holds any of its blobs' });
    }
    return found;
  }
}

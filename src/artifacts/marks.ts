import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { listArtifacts } from './artifact.js';
import type { Blobs } from './blobs.js';
import { DigestSet } from './digest-set.js';
import { blobsOf } from './verify.js';

/** What outlives a clean-up, and why. */
export interface Keeping {
  readonly kept: ReadonlyMap<Digest, string>;
  /** What was kept once and is not any more, and why. */
  readonly dropped?: ReadonlyMap<Digest, string>;
  /** When the oldest run under way began, by the store's clock: what was put since may be about to be named. */
  readonly since?: number | undefined;
}

/** What is reached from the artifacts that stay. Packs are asked for at the end, when it is known which of them there are. */
export class Marks {
  readonly #blobs: Blobs;
  readonly #roots = new Set<Digest>();
  /** Those that were read to the end: all that they need is marked. */
  readonly #whole = new Set<Digest>();
  readonly #live = new DigestSet();
  #dropped: ReadonlyMap<Digest, string> = new Map();

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  /** How many artifacts stay. */
  get kept(): number {
    return this.#roots.size;
  }

  /** Every root that something keeps or that is young, and all it needs; those read to the end are not read again. */
  async all(
    { kept, dropped, pins }: Keeping & { readonly pins: ReadonlySet<Digest> },
    before: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (dropped) this.#dropped = dropped;
    for await (const { digest, putAt } of listArtifacts(this.#blobs)) {
      signal?.throwIfAborted();
      if (this.#whole.has(digest)) continue;
      if (putAt < before && !kept.has(digest) && !pins.has(digest) && !this.#roots.has(digest)) continue;
      this.#roots.add(digest);
      // Nothing that went wrong on its way to us may cost a chunk; what is missing was looked for twice already.
      let is = await this.#mark(digest);
      if (is === 'broken') is = await this.#mark(digest);
      if (is === 'whole') this.#whole.add(digest);
    }
  }

  /** A broken one keeps what can still be read of it, and is read again in each look, since it may be mended. */
  async #mark(root: Digest): Promise<'whole' | 'broken' | 'missing'> {
    try {
      for await (const blob of blobsOf(this.#blobs, root)) this.#live.add(blob);
      return 'whole';
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      return error.code === 'integrity/missing' ? 'missing' : 'broken';
    }
  }

  isRoot(digest: Digest): boolean {
    return this.#roots.has(digest);
  }

  isLive(blob: Digest): boolean {
    return this.#live.has(blob);
  }

  whyGone(digest: Digest): string {
    return this.#dropped.get(digest) ?? 'nothing keeps it';
  }
}

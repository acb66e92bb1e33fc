import { IntegrityError } from '../core/error.js';
import { readArtifacts } from './artifact.js';
import type { Blobs } from './blobs.js';
import { ARTIFACTS, CHUNKS, INDEXES, PACKS, QUARANTINE } from './layout.js';
import { bytesOf } from './root.js';

interface Sum {
  count: number;
  bytes: number;
}

export interface Usage {
  readonly artifacts: number;
  /** Each artifact for itself: what they share counts for each. */
  readonly artifactBytes: number;
  /** Artifacts that cannot be read: what they are is not counted. */
  readonly damaged: number;
  readonly chunks: Sum;
  readonly packs: Sum;
  /** Blobs in packs. */
  readonly packed: number;
  readonly lists: Sum;
  readonly quarantine: Sum;
}

/** What the store holds, and what it would hold if nothing were shared. */
export async function usageOf(blobs: Blobs, signal?: AbortSignal): Promise<Usage> {
  let [artifacts, artifactBytes, damaged] = [0, 0, 0];
  for await (const { root } of readArtifacts(blobs)) {
    signal?.throwIfAborted();
    if (root instanceof IntegrityError) damaged += 1;
    else {
      artifacts += 1;
      artifactBytes += bytesOf(root);
    }
  }
  const sum = async (...prefixes: readonly string[]): Promise<Sum> => {
    const total = { count: 0, bytes: 0 };
    for (const prefix of prefixes)
      for await (const { size } of blobs.store.list(prefix)) {
        total.count += 1;
        total.bytes += size;
      }
    return total;
  };
  return {
    artifacts,
    artifactBytes,
    damaged,
    chunks: await sum(CHUNKS),
    packs: await sum(PACKS),
    packed: blobs.index.size,
    lists: await sum(ARTIFACTS, INDEXES),
    quarantine: await sum(QUARANTINE),
  };
}

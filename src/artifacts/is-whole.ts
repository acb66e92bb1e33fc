import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import type { Blobs } from './blobs.js';
import { chunkKey } from './layout.js';
import { blobsOf } from './verify.js';

/** Is all there that the artifact needs? Not its bytes: those are asked by every restore. */
export async function isWhole(blobs: Blobs, digest: Digest): Promise<boolean> {
  try {
    for await (const blob of blobsOf(blobs, digest))
      if (!blobs.index.has(blob) && (await blobs.store.head(chunkKey(blob))) === undefined) return false;
    return true;
  } catch (error) {
    if (error instanceof IntegrityError) return false;
    throw error;
  }
}

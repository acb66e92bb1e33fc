import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import type { Blobs } from './blobs.js';
import { whyBroken } from './verify.js';

/** Is all there that the artifact needs? */
export async function isWhole(blobs: Blobs, digest: Digest): Promise<boolean> {
  return (await whyBroken(blobs, digest)) === undefined;
}

/** As far as can be told without reading it. */
export async function assertWhole(blobs: Blobs, digest: Digest): Promise<void> {
  if (await isWhole(blobs, digest)) return;
  // Somebody may have moved it since the index was read.
  await blobs.reload();
  const why = await whyBroken(blobs, digest);
  if (why !== undefined)
    throw new IntegrityError('integrity/missing', `${digest} is not whole: ${why}`, { hint: 'nothing was touched' });
}

import type { Digest } from '../core/brand.js';
import type { Blobs } from './blobs.js';
import { whyBroken } from './verify.js';

/** Is all there that the artifact needs? */
export async function isWhole(blobs: Blobs, digest: Digest): Promise<boolean> {
  return (await whyBroken(blobs, digest)) === undefined;
}

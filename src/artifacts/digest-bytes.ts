import type { Digest } from '../core/brand.js';

/** A digest's 32 bytes: packs and indexes name blobs by these. */
export const DIGEST_BYTES = 32;

export function digestBytes(digest: Digest): Buffer {
  return Buffer.from(digest.slice(7), 'hex');
}

export function digestAt(bytes: Buffer, at: number): Digest {
  return `blake3-${bytes.toString('hex', at, at + DIGEST_BYTES)}` as Digest;
}

import type { Digest } from '../core/brand.js';
import { DIGEST_BYTES, digestAt, digestBytes } from './digest-bytes.js';

/**
 * Which blobs lie in a pack, as its end and every index have it: for each, in order, 32 bytes digest and 4 bytes size, big
 * endian. Kept as these bytes: of a hundred thousand blobs they are 3.6 MB, and as objects thirty.
 */
export type PackRows = Buffer;

export const ROW = DIGEST_BYTES + 4;

export function writeRow(rows: PackRows, at: number, digest: Digest, size: number): void {
  digestBytes(digest).copy(rows, at);
  rows.writeUInt32BE(size, at + DIGEST_BYTES);
}

export const digestOfRow = (rows: PackRows, at: number): Digest => digestAt(rows, at);
export const sizeOfRow = (rows: PackRows, at: number): number => rows.readUInt32BE(at + DIGEST_BYTES);

/** How many bytes the blobs have together. */
export function bytesInRows(rows: PackRows): number {
  let sum = 0;
  for (let at = 0; at < rows.byteLength; at += ROW) sum += sizeOfRow(rows, at);
  return sum;
}

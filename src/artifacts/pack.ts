import type { Digest } from '../core/brand.js';
import { DIGEST_BYTES, digestAt, digestBytes } from './digest-bytes.js';
import { badList } from './refuse.js';

/**
 * A pack: the blobs one after another; then a row for each (32 bytes digest, 4 bytes size, big endian); then the number
 * of rows in 4 bytes and the magic. It can be understood without any index.
 */
const MAGIC = Buffer.from('stepaside/pack/1');
const ROW = DIGEST_BYTES + 4;
const TRAILER = 4 + MAGIC.byteLength;

export interface PackedBlob {
  readonly digest: Digest;
  readonly at: number;
  readonly size: number;
}

/** Room for the rows of blobs of one byte each would be absurd: the average packed file is some KiB. */
const ROOM_FOR_ROWS = 2 ** 18;

/** Most artifacts that steps keep are a file or two: a buffer of the full size for each would be garbage of megabytes. */
const FIRST = 64 * 1024;
const GROWS = 4;

/** Fills one buffer. A blob is put in place first and kept, or not, once its digest is known. */
export class PackBuffer {
  #buffer = Buffer.allocUnsafeSlow(FIRST);
  readonly #limit: number;
  #rows: { readonly digest: Digest; readonly size: number }[] = [];
  #filled = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  /** Where the next blob goes, until the next call; undefined where it would not fit. */
  room(size: number): Buffer | undefined {
    if (this.#filled + size > this.#limit || (this.#rows.length + 1) * ROW > ROOM_FOR_ROWS) return undefined;
    this.#reach(this.#filled + size);
    return this.#buffer.subarray(this.#filled, this.#filled + size);
  }

  keep(digest: Digest, size: number): PackedBlob {
    const at = this.#filled;
    this.#rows.push({ digest, size });
    this.#filled += size;
    return { digest, at, size };
  }

  /** The pack's bytes, in place until the next `clear`. */
  finish(): Buffer {
    let at = this.#filled;
    this.#reach(at + this.#rows.length * ROW + TRAILER);
    for (const { digest, size } of this.#rows) {
      digestBytes(digest).copy(this.#buffer, at);
      at = this.#buffer.writeUInt32BE(size, at + DIGEST_BYTES);
    }
    at = this.#buffer.writeUInt32BE(this.#rows.length, at);
    return this.#buffer.subarray(0, at + MAGIC.copy(this.#buffer, at));
  }

  clear(): void {
    this.#rows = [];
    this.#filled = 0;
  }

  #reach(bytes: number): void {
    if (bytes <= this.#buffer.byteLength) return;
    const most = this.#limit + ROOM_FOR_ROWS + TRAILER;
    const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(bytes, this.#buffer.byteLength * GROWS)));
    this.#buffer.copy(larger, 0, 0, this.#filled);
    this.#buffer = larger;
  }
}

/** How long the pack of these blobs is. */
export function packBytes(blobs: readonly PackedBlob[]): number {
  const last = blobs.at(-1);
  return (last === undefined ? 0 : last.at + last.size) + blobs.length * ROW + TRAILER;
}

/** What a blob takes of a pack: its bytes and its row. */
export const roomOf = (size: number): number => size + ROW;

/** How many bytes at a pack's end hold its rows, from its last bytes. */
export const PACK_TRAILER = TRAILER;

export function packTailBytes(trailer: Buffer): number {
  if (trailer.byteLength !== TRAILER || !trailer.subarray(4).equals(MAGIC)) throw badList('it is no pack');
  return trailer.readUInt32BE(0) * ROW + TRAILER;
}

/** What a pack of `size` bytes says of itself in its tail. */
export function readPackTail(tail: Buffer, size: number): readonly PackedBlob[] {
  const blobs: PackedBlob[] = [];
  let at = 0;
  for (let row = 0; row + ROW <= tail.byteLength - TRAILER; row += ROW) {
    const length = tail.readUInt32BE(row + DIGEST_BYTES);
    blobs.push({ digest: digestAt(tail, row), at, size: length });
    at += length;
  }
  if (at + tail.byteLength !== size) throw badList('a pack is not as long as its rows say');
  return blobs;
}

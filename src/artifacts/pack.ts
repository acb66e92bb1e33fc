import type { Digest } from '../core/brand.js';
import { bytesInRows, type PackRows, ROW, writeRow } from './pack-rows.js';
import { badList } from './refuse.js';

/**
 * A pack: the blobs one after another; then a row for each (pack-rows.ts); then the number of rows in 4 bytes and the magic.
 * It can be understood without any index.
 */
const MAGIC = Buffer.from('stepaside/pack/1');
const TRAILER = 4 + MAGIC.byteLength;

/** Room for the rows of blobs of one byte each would be absurd: the average packed file is some KiB. */
const ROOM_FOR_ROWS = 2 ** 18;

/** Most artifacts that steps keep are a file or two: a buffer of the full size for each would be garbage of megabytes. */
const FIRST = 64 * 1024;
const FIRST_ROWS = 64 * ROW;
const GROWS = 4;

/** Fills one buffer. A blob is put in place first and kept, or not, once its digest is known. */
export class PackBuffer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST);
  #rows: PackRows = Buffer.allocUnsafeSlow(FIRST_ROWS);
  readonly #limit: number;
  #filled = 0;
  #filledRows = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isEmpty(): boolean {
    return this.#filledRows === 0;
  }

  /** Of what it holds now; whoever keeps them copies them. */
  get rows(): PackRows {
    return this.#rows.subarray(0, this.#filledRows);
  }

  /** Where the next blob goes, until the next call; undefined where it would not fit. */
  room(size: number): Buffer | undefined {
    if (this.#filled + size > this.#limit || this.#filledRows + ROW > ROOM_FOR_ROWS) return undefined;
    const most = this.#limit + ROOM_FOR_ROWS + TRAILER;
    this.#buffer = grown(this.#buffer, { filled: this.#filled, bytes: this.#filled + size, most });
    return this.#buffer.subarray(this.#filled, this.#filled + size);
  }

  keep(digest: Digest, size: number): void {
    const bytes = this.#filledRows + ROW;
    this.#rows = grown(this.#rows, { filled: this.#filledRows, bytes, most: ROOM_FOR_ROWS });
    writeRow(this.#rows, this.#filledRows, digest, size);
    this.#filledRows = bytes;
    this.#filled += size;
  }

  /** The pack's bytes, in place until the next `clear`. */
  finish(): Buffer {
    const end = this.#filled + this.#filledRows + TRAILER;
    const most = this.#limit + ROOM_FOR_ROWS + TRAILER;
    this.#buffer = grown(this.#buffer, { filled: this.#filled, bytes: end, most });
    let at = this.#filled + this.rows.copy(this.#buffer, this.#filled);
    at = this.#buffer.writeUInt32BE(this.#filledRows / ROW, at);
    MAGIC.copy(this.#buffer, at);
    return this.#buffer.subarray(0, end);
  }

  clear(): void {
    this.#filled = 0;
    this.#filledRows = 0;
  }
}

/** With room for so many bytes, and some more; all there may be as soon as that is near: a full pack and its rows are not moved. */
function grown(
  buffer: Buffer,
  { filled, bytes, most }: { readonly filled: number; readonly bytes: number; readonly most: number },
): Buffer {
  if (bytes <= buffer.byteLength) return buffer;
  const wanted = Math.max(bytes, buffer.byteLength * GROWS);
  const larger = Buffer.allocUnsafeSlow(wanted * 2 > most ? most : wanted);
  buffer.copy(larger, 0, 0, filled);
  return larger;
}

/** How long the pack of these blobs is. */
export const packBytes = (rows: PackRows): number => bytesInRows(rows) + rows.byteLength + TRAILER;

/** What a blob takes of a pack: its bytes and its row. */
export const roomOf = (size: number): number => size + ROW;

/** How many bytes at a pack's end hold its rows, from its last bytes. */
export const PACK_TRAILER = TRAILER;

export function packTailBytes(trailer: Buffer): number {
  if (trailer.byteLength !== TRAILER || !trailer.subarray(4).equals(MAGIC)) throw badList('it is no pack');
  return trailer.readUInt32BE(0) * ROW + TRAILER;
}

/** What a pack of `size` bytes says of itself in its tail. */
export function readPackTail(tail: Buffer, size: number): PackRows {
  const rows = tail.subarray(0, Math.max(0, tail.byteLength - TRAILER));
  if (rows.byteLength % ROW !== 0 || bytesInRows(rows) + tail.byteLength !== size)
    throw badList('a pack is not as long as its rows say');
  return rows;
}

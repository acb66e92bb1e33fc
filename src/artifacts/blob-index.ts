import type { Digest } from '../core/brand.js';
import { DIGEST_BYTES, digestAt, digestBytes } from './digest-bytes.js';
import { PACK } from './layout.js';
import { bytesInRows, digestOfRow, ROW as PACK_ROW, type PackRows, sizeOfRow } from './pack-rows.js';
import { badList } from './refuse.js';

export interface Spot {
  readonly pack: Digest;
  readonly at: number;
  readonly size: number;
}

/** digest (32), pack (4), offset (4), size (4) */
const ROW = DIGEST_BYTES + 12;
const BLOCK = 4096;

/** Which blob lies where in which pack. Rows of bytes and a table of numbers: a million blobs take some 55 MB. */
export class BlobIndex {
  readonly #blocks: Buffer[] = [];
  readonly #packs: Digest[] = [];
  readonly #packNumbers = new Map<Digest, number>();
  #slots = new Uint32Array(1024);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** The first to name a blob wins: one copy is as good as another. */
  addPack(pack: Digest, rows: PackRows, isBad?: (digest: Digest) => boolean): void {
    const number = this.#numberOf(pack);
    for (let row = 0, at = 0; row < rows.byteLength; row += PACK_ROW) {
      const size = sizeOfRow(rows, row);
      if (!isBad?.(digestOfRow(rows, row))) this.#add(rows.subarray(row, row + DIGEST_BYTES), { number, at, size });
      at += size;
    }
  }

  /** Without a place, for who only asks `has`. */
  addDigest(digest: Digest): void {
    this.#add(digestBytes(digest), { number: 0, at: 0, size: 0 });
  }

  #add(digest: Buffer, { number, at, size }: { readonly number: number; readonly at: number; readonly size: number }) {
    if (this.#count * 4 >= this.#slots.length * 3) this.#grow();
    const slot = this.#slotOf(digest);
    if (this.#slots[slot] !== 0) return;
    if (this.#count % BLOCK === 0) this.#blocks.push(Buffer.allocUnsafeSlow(BLOCK * ROW));
    const [block, row] = this.#rowAt(this.#count);
    digest.copy(block, row);
    block.writeUInt32LE(number, row + DIGEST_BYTES);
    block.writeUInt32LE(at, row + DIGEST_BYTES + 4);
    block.writeUInt32LE(size, row + DIGEST_BYTES + 8);
    this.#count += 1;
    this.#slots[slot] = this.#count;
  }

  find(digest: Digest): Spot | undefined {
    const found = this.#slots[this.#slotOf(digestBytes(digest))]!;
    return found === 0 ? undefined : this.#spot(found - 1);
  }

  has(digest: Digest): boolean {
    return this.#slots[this.#slotOf(digestBytes(digest))] !== 0;
  }

  *[Symbol.iterator](): Generator<readonly [Digest, Spot]> {
    for (let i = 0; i < this.#count; i++) {
      const [block, row] = this.#rowAt(i);
      yield [digestAt(block, row), this.#spot(i)];
    }
  }

  #spot(i: number): Spot {
    const [block, row] = this.#rowAt(i);
    return {
      pack: this.#packs[block.readUInt32LE(row + DIGEST_BYTES)]!,
      at: block.readUInt32LE(row + DIGEST_BYTES + 4),
      size: block.readUInt32LE(row + DIGEST_BYTES + 8),
    };
  }

  #rowAt(i: number): readonly [Buffer, number] {
    return [this.#blocks[Math.floor(i / BLOCK)]!, (i % BLOCK) * ROW];
  }

  #numberOf(pack: Digest): number {
    let number = this.#packNumbers.get(pack);
    if (number === undefined) {
      number = this.#packs.push(pack) - 1;
      this.#packNumbers.set(pack, number);
    }
    return number;
  }

  /** Digests are as good as chance, so their first bytes are the place to begin. */
  #slotOf(bytes: Buffer): number {
    const mask = this.#slots.length - 1;
    for (let slot = bytes.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!;
      if (found === 0) return slot;
      const [block, row] = this.#rowAt(found - 1);
      if (bytes.compare(block, row, row + DIGEST_BYTES) === 0) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let i = 0; i < this.#count; i++) {
      const [block, row] = this.#rowAt(i);
      this.#slots[this.#slotOf(block.subarray(row, row + DIGEST_BYTES))] = i + 1;
    }
  }
}

/**
 * An index object: a line that names the format; then for each pack its digest (32 bytes), the number of its blobs (4), and
 * their rows (pack-rows.ts). It is named by its own digest.
 */
const MAGIC = Buffer.from('stepaside/index/1\n');
const HEAD = DIGEST_BYTES + 4;

export interface IndexedPack {
  readonly pack: Digest;
  readonly rows: PackRows;
}

export function writeIndex(packs: readonly IndexedPack[]): Buffer {
  const heads = packs.map(({ pack, rows }) => {
    const head = Buffer.alloc(HEAD);
    digestBytes(pack).copy(head);
    head.writeUInt32BE(rows.byteLength / PACK_ROW, DIGEST_BYTES);
    return head;
  });
  return Buffer.concat([MAGIC, ...packs.flatMap(({ rows }, i) => [heads[i]!, rows])]);
}

/** Views of the bytes, one pack after the other. */
export function* readIndex(bytes: Buffer): Generator<IndexedPack> {
  if (!bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) throw badList('it is no index');
  for (let at = MAGIC.byteLength; at < bytes.byteLength; ) {
    if (at + HEAD > bytes.byteLength) throw badList('an index is cut short');
    const pack = digestAt(bytes, at);
    const end = at + HEAD + bytes.readUInt32BE(at + DIGEST_BYTES) * PACK_ROW;
    if (end > bytes.byteLength) throw badList('an index is cut short');
    const rows = bytes.subarray(at + HEAD, end);
    if (bytesInRows(rows) > PACK) throw badList('a pack is no larger than a pack');
    yield { pack, rows };
    at = end;
  }
}

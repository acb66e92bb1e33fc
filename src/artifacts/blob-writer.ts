import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { chunksOf } from './artifact.js';
import { BlobIndex, type IndexedPack, writeIndex } from './blob-index.js';
import type { Blobs } from './blobs.js';
import { type Chunk, type Content, isStored } from './content.js';
import { Flight } from './flight.js';
import { CHUNK, chunkKey, indexKey, PACK, PACKED, packKey } from './layout.js';
import { PackBuffer } from './pack.js';
import type { Tally } from './tally.js';

/** Chunks in memory at once, one of them being read: with two packs some 72 MiB, however much is put. */
const BUFFERS = 5;
/** An index is written after so many packs, so that a put that is killed is not begun anew. */
const PACKS_AN_INDEX = 32;

/**
 * Writes what is missing. A small blob is read straight into a pack (`room`, then `keep` it or not), a large one into a
 * buffer of its own. Nothing may name a blob before `finish` has ended: until then it may not be durable.
 */
export class BlobWriter {
  readonly #blobs: Blobs;
  readonly #tally: Tally;
  readonly #writes: Flight;
  /** What this put has stored or begun to: exact, and in a tenth of what text takes. */
  readonly #seen = new BlobIndex();
  readonly #buffers: Buffer[] = [];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];
  #made = 0;
  #pack = new PackBuffer(PACK);
  #other: Promise<PackBuffer> | undefined;
  #written: IndexedPack[] = [];

  constructor(blobs: Blobs, tally: Tally) {
    this.#blobs = blobs;
    this.#tally = tally;
    this.#writes = new Flight(BUFFERS);
  }

  /** Where a blob of up to `PACKED` bytes can be read to; undefined: `turn` first. */
  room(size: number): Buffer | undefined {
    return this.#pack.room(size);
  }

  /** The blob that was read to `room`. One that is there already leaves its room to the next. */
  keep(digest: Digest, size: number): void {
    if (this.#isThere(digest, size)) return;
    this.#seen.addDigest(digest);
    this.#pack.keep(digest, size);
    this.#tally.storedBytes += size;
  }

  #isThere(digest: Digest, size: number): boolean {
    const isThere = this.#blobs.index.has(digest) || this.#seen.has(digest);
    if (isThere) this.#tally.thereBytes += size;
    return isThere;
  }

  /** Begins to write the pack, and goes on with the other buffer. */
  async turn(): Promise<void> {
    this.#writes.check();
    if (this.#pack.isEmpty) return;
    const pack = this.#pack;
    const bytes = pack.finish();
    const rows = Buffer.from(pack.rows);
    const digest = this.#blobs.hash.digest(bytes);
    let free: (pack: PackBuffer) => void = () => {};
    const next = this.#other ?? Promise.resolve(new PackBuffer(PACK));
    this.#other = new Promise((done) => {
      free = done;
    });
    await this.#writes.add(async () => {
      try {
        await this.#blobs.store.write(packKey(digest), bytes, { namedByDigest: true });
        await this.#blobs.acquit(digest);
        this.#written.push({ pack: digest, rows });
      } finally {
        pack.clear();
        free(pack);
      }
    });
    this.#pack = await next;
    if (this.#written.length >= PACKS_AN_INDEX) await this.#index();
  }

  /** A small blob that is in memory already: a page, a value, the end of a file. */
  async put(bytes: Uint8Array): Promise<Digest> {
    if (bytes.byteLength > PACKED) {
      const buffer = await this.buffer();
      buffer.set(bytes);
      return this.putChunk(buffer, bytes.byteLength);
    }
    const digest = this.#blobs.hash.digest(bytes);
    if (this.#isThere(digest, bytes.byteLength)) return digest;
    if (this.room(bytes.byteLength) === undefined) await this.turn();
    this.room(bytes.byteLength)!.set(bytes);
    this.keep(digest, bytes.byteLength);
    return digest;
  }

  /** A buffer for a chunk, to be given to `putChunk`. Waits for one where all are in use. */
  async buffer(): Promise<Buffer> {
    this.#writes.check();
    const free = this.#buffers.pop();
    if (free !== undefined) return free;
    if (this.#made < BUFFERS) {
      this.#made += 1;
      return Buffer.allocUnsafeSlow(CHUNK);
    }
    return new Promise((done) => this.#waiting.push(done));
  }

  giveBack(buffer: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(buffer);
    else this.#buffers.push(buffer);
  }

  /** Takes the buffer over; the write itself goes on behind. */
  async putChunk(buffer: Buffer, size: number): Promise<Digest> {
    const bytes = buffer.subarray(0, size);
    if (size <= PACKED) {
      try {
        return await this.put(bytes);
      } finally {
        this.giveBack(buffer);
      }
    }
    const digest = this.#blobs.hash.digest(bytes);
    if (this.#seen.has(digest)) {
      this.#tally.thereBytes += size;
      this.giveBack(buffer);
      return digest;
    }
    this.#seen.addDigest(digest);
    await this.#writes.add(async () => {
      try {
        const key = chunkKey(digest);
        // Not its bytes: whether they are still the right ones is asked by `verify`, and by every restore.
        if ((await this.#blobs.store.head(key))?.size === size) {
          this.#tally.thereBytes += size;
          return;
        }
        await this.#blobs.store.write(key, bytes, { namedByDigest: true });
        this.#tally.storedBytes += size;
      } finally {
        this.giveBack(buffer);
      }
    });
    return digest;
  }

  /** What a file consists of, if its list is there. */
  async *chunksOf(content: Content): AsyncGenerator<Chunk> {
    for await (const chunks of chunksOf(this.#blobs, content)) yield* chunks;
  }

  /** Whether all of a file is there, as far as can be told without its bytes. */
  async holds(content: Content): Promise<boolean> {
    if (!isStored(content)) return true;
    try {
      for await (const chunk of this.chunksOf(content)) if (!(await this.#holdsBlob(chunk))) return false;
      return true;
    } catch (error) {
      // Its list is gone or damaged.
      if (error instanceof IntegrityError) return false;
      throw error;
    }
  }

  async #holdsBlob({ digest, size }: Chunk): Promise<boolean> {
    if (this.#seen.has(digest)) return true;
    if (size <= PACKED) return this.#blobs.index.has(digest);
    return (await this.#blobs.store.head(chunkKey(digest)))?.size === size;
  }

  /** All that was put is durable and can be found. */
  async finish(): Promise<void> {
    await this.turn();
    await this.#writes.done();
    await this.#index();
  }

  /** After a failure: until the writes under way have ended, their buffers are in use. */
  async abandon(): Promise<void> {
    await this.#writes.ended();
  }

  async #index(): Promise<void> {
    const packs = this.#written;
    if (packs.length === 0) return;
    this.#written = [];
    const bytes = writeIndex(packs);
    await this.#blobs.store.write(indexKey(this.#blobs.hash.digest(bytes)), bytes);
    for (const { pack, rows } of packs) this.#blobs.index.addPack(pack, rows);
  }
}

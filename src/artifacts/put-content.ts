import type { Digest } from '../core/brand.js';
import type { Blake3 } from '../hash.js';
import type { BlobWriter } from './blob-writer.js';
import { CHUNKS_A_PAGE, type Chunk, type Content, writeChunkList, writeChunkPage } from './content.js';
import { CHUNK } from './layout.js';
import type { Tally } from './tally.js';

/** Bytes in order. Fills `into` as far as it can: less than asked for is the end. */
export interface ByteSource {
  read(into: Buffer, at: number): Promise<number>;
}

export interface PutContext {
  readonly blobs: BlobWriter;
  readonly hash: Blake3;
  readonly tally: Tally;
}

/** Bytes of any length: one read for the digest of the whole and those of its chunks, and only what is missing is written. */
export async function putContent({ blobs, hash, tally }: PutContext, source: ByteSource): Promise<Content> {
  const whole = hash.stream();
  const list = new ChunkListWriter(blobs);
  let size = 0;
  for (;;) {
    const buffer = await blobs.buffer();
    let filled: number;
    try {
      filled = await source.read(buffer, size);
    } catch (error) {
      blobs.giveBack(buffer);
      throw error;
    }
    tally.bytes += filled;
    if (filled === 0) {
      blobs.giveBack(buffer);
      break;
    }
    const first = size === 0;
    size += filled;
    if (first && filled < CHUNK) return { size, digest: await blobs.putChunk(buffer, filled) };
    whole.update(buffer.subarray(0, filled));
    await list.add({ digest: await blobs.putChunk(buffer, filled), size: filled });
    if (filled < CHUNK) break;
  }
  const digest = whole.digest();
  if (size <= CHUNK) return { size, digest };
  return { size, digest, list: await list.done(size, digest) };
}

class ChunkListWriter {
  readonly #blobs: BlobWriter;
  readonly #pages: Digest[] = [];
  #page: Chunk[] = [];

  constructor(blobs: BlobWriter) {
    this.#blobs = blobs;
  }

  async add(chunk: Chunk): Promise<void> {
    this.#page.push(chunk);
    if (this.#page.length === CHUNKS_A_PAGE) await this.#turn();
  }

  async done(size: number, digest: Digest): Promise<Digest> {
    if (this.#page.length > 0) await this.#turn();
    return this.#blobs.put(writeChunkList({ size, digest, pages: this.#pages }));
  }

  async #turn(): Promise<void> {
    this.#pages.push(await this.#blobs.put(writeChunkPage(this.#page)));
    this.#page = [];
  }
}

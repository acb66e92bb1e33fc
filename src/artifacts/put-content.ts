import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import type { Blake3 } from '../hash.js';
import type { BlobWriter } from './blob-writer.js';
import { CHUNKS_A_PAGE, type Chunk, type Content, writeChunkList, writeChunkPage } from './content.js';
import { CHUNK } from './layout.js';
import type { Tally } from './tally.js';

/** Bytes in order. Fills `into` as far as it can: less than asked for is the end. */
export interface ByteSource {
  /** Calls that may be under way together. */
  readonly atOnce?: number;
  read(into: Buffer, at: number): Promise<number>;
}

export interface PutContext {
  readonly blobs: BlobWriter;
  readonly hash: Blake3;
  readonly tally: Tally;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Bytes of any length: one read for the digest of the whole and those of its chunks, and only what is missing is written.
 * The next chunk is read while this one is hashed. Where it is `known` what they were, chunks that are the same ones in the
 * same order are the same whole, which then is not hashed a second time.
 */
export async function putContent(context: PutContext, source: ByteSource, known?: Content): Promise<Content> {
  if (known?.list !== undefined && (await isStill(context, source, known))) return known;
  const { blobs, hash } = context;
  const whole = hash.stream();
  const list = new ChunkListWriter(blobs);
  let size = 0;
  for await (const { buffer, filled } of piecesOf(context, source)) {
    const first = size === 0;
    size += filled;
    if (first && filled < CHUNK) return { size, digest: await blobs.putChunk(buffer, filled) };
    whole.update(buffer.subarray(0, filled));
    await list.add({ digest: await blobs.putChunk(buffer, filled), size: filled });
  }
  const digest = whole.digest();
  if (size <= CHUNK) return { size, digest };
  return { size, digest, list: await list.done(size, digest) };
}

/** Up to the first chunk that is another one. What had to be stored anew, although nothing changed, is stored by then. */
async function isStill(context: PutContext, source: ByteSource, known: Content): Promise<boolean> {
  const { blobs, tally } = context;
  const expected = blobs.chunksOf(known);
  const { bytes, thereBytes } = tally;
  // All of it is read again, and counted then.
  const isOther = () => {
    Object.assign(tally, { bytes, thereBytes });
    return false;
  };
  try {
    for await (const { buffer, filled } of piecesOf(context, source)) {
      const digest = await blobs.putChunk(buffer, filled);
      const { value: chunk } = await expected.next();
      if (chunk?.digest !== digest || chunk.size !== filled) return isOther();
    }
    return (await expected.next()).done === true || isOther();
  } catch (error) {
    // Its list is gone or damaged.
    if (!(error instanceof IntegrityError)) throw error;
    return isOther();
  }
}

interface Piece {
  /** Whoever gets it gives it to `putChunk`. */
  readonly buffer: Buffer;
  readonly filled: number;
}

/** Chunk by chunk, with the next ones on their way. */
async function* piecesOf({ blobs, tally, signal }: PutContext, source: ByteSource): AsyncGenerator<Piece> {
  async function readAt(at: number): Promise<Piece> {
    const buffer = await blobs.buffer();
    try {
      return { buffer, filled: await source.read(buffer, at) };
    } catch (error) {
      blobs.giveBack(buffer);
      throw error;
    }
  }
  const ahead: Promise<Piece>[] = [];
  let next = 0;
  const begin = () => {
    const reading = readAt(next);
    // Somebody may throw while nobody awaits it.
    reading.catch(() => {});
    ahead.push(reading);
    next += CHUNK;
  };
  begin();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { buffer, filled } = await ahead.shift()!;
      if (filled === CHUNK) while (ahead.length < (source.atOnce ?? 1)) begin();
      tally.bytes += filled;
      if (filled > 0) yield { buffer, filled };
      else blobs.giveBack(buffer);
      if (filled < CHUNK) return;
    }
  } finally {
    for (const reading of ahead) {
      const over = reading.then(
        (left) => blobs.giveBack(left.buffer),
        () => {},
      );
      // The descriptor is closed next, and its number may be another file's. Whoever writes to a pipe may take for ever.
      if (source.atOnce !== undefined) await over;
    }
  }
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

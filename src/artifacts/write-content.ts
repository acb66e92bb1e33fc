import fs from 'node:fs';
import { promisify } from 'node:util';
import { chunksOf } from './artifact.js';
import type { Blobs, Wanted } from './blobs.js';
import type { Content } from './content.js';
import { Flight } from './flight.js';
import type { Tally } from './tally.js';

const write = promisify(fs.write);
const writev = promisify(fs.writev);

/** So much of a large file goes to the kernel at once. */
const RUN_BYTES = 512 * 1024;

export async function writeSmall(blobs: Blobs, wanted: Wanted, fd: number, tally: Tally, at = 0): Promise<void> {
  await blobs.readMany([wanted], (_, bytes) => {
    writeNow(fd, bytes, at);
    tally.bytes += bytes.byteLength;
    tally.storedBytes += bytes.byteLength;
  });
}

export function writeNow(fd: number, bytes: Uint8Array, at = 0): void {
  for (let done = 0; done < bytes.byteLength; )
    done += fs.writeSync(fd, bytes, done, bytes.byteLength - done, at + done);
}

export interface Writing {
  readonly tally: Tally;
  readonly signal?: AbortSignal | undefined;
}

/** Chunks side by side, each to its place; verified before the file gets its name. */
export async function writeContent(
  blobs: Blobs,
  content: Content,
  fd: number,
  { tally, signal }: Writing,
): Promise<void> {
  const flight = new Flight(blobs.width);
  let at = 0;
  try {
    for await (const chunks of chunksOf(blobs, content)) {
      for (const { digest, size } of chunks) {
        const from = at;
        at += size;
        signal?.throwIfAborted();
        await flight.add(async () => {
          const run = new Run(fd, from, tally);
          await blobs.stream({ digest, size }, (piece) => run.add(piece));
          await run.flush();
          tally.storedBytes += size;
        });
      }
    }
    await flight.done();
  } finally {
    // The descriptor is closed next: no write may be under way.
    await flight.ended();
  }
}

/** Pieces that follow each other, written several at a time: from a network they are small, and each call wakes a thread. */
class Run {
  readonly #fd: number;
  readonly #tally: Tally;
  #at: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(fd: number, at: number, tally: Tally) {
    this.#fd = fd;
    this.#at = at;
    this.#tally = tally;
  }

  async add(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes >= RUN_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    let [pieces, left] = [this.#pieces, this.#bytes];
    this.#pieces = [];
    this.#bytes = 0;
    while (left > 0) {
      const [only] = pieces;
      const { bytesWritten } =
        pieces.length === 1
          ? await write(this.#fd, only!, 0, only!.byteLength, this.#at)
          : await writev(this.#fd, pieces, this.#at);
      this.#at += bytesWritten;
      this.#tally.bytes += bytesWritten;
      left -= bytesWritten;
      pieces = left > 0 ? [Buffer.concat(pieces).subarray(bytesWritten)] : [];
    }
  }
}

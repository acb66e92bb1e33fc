import type { Readable } from 'node:stream';
import { monotonic } from '../../store/monotonic.js';
import { WireFault } from './wire.js';

/** The pieces of an answer as they come. Breaking off destroys the connection; the reader's own time is not counted. */
export async function* readPieces(stream: Readable, idleMs: number, totalMs: number): AsyncGenerator<Uint8Array> {
  const pieces = stream[Symbol.asyncIterator]();
  let waited = 0;
  try {
    for (;;) {
      const began = monotonic();
      const patience = Math.max(1, Math.min(idleMs, totalMs - waited));
      const timer = setTimeout(() => {
        const what = patience < idleMs ? `the body took longer than ${totalMs} ms` : `no byte within ${idleMs} ms`;
        stream.destroy(new WireFault('timeout', what, true));
      }, patience);
      let next: IteratorResult<Uint8Array>;
      try {
        next = await pieces.next();
      } finally {
        clearTimeout(timer);
      }
      waited += monotonic() - began;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    stream.destroy();
  }
}

/** Answers other than objects are small: more than this is no answer to what was asked. */
const MAX_COLLECTED = 64 * 1024 * 1024;

export async function collect(stream: Readable, idleMs: number, totalMs: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readPieces(stream, idleMs, totalMs)) {
    size += piece.byteLength;
    // The caller sees a body that is not whole and calls it so.
    if (size > MAX_COLLECTED) break;
    pieces.push(piece);
  }
  const [only] = pieces;
  return pieces.length === 1 && only ? only : Buffer.concat(pieces);
}

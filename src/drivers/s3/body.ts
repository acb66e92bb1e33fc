import type { Readable } from 'node:stream';
import { monotonic } from '../../store/monotonic.js';
import { WireFault } from './wire.js';

/** What has come is given in one piece, up to so much: each goes through many hands. */
const MOST = 2 ** 20;

/** The pieces of an answer as they come. Breaking off destroys the connection; the reader's own time is not counted. */
export async function* readPieces(stream: Readable, idleMs: number, totalMs: number): AsyncGenerator<Uint8Array> {
  const inflow = new Inflow(stream);
  let waited = 0;
  try {
    for (;;) {
      const began = monotonic();
      const patience = Math.max(1, Math.min(idleMs, totalMs - waited));
      const timer = setTimeout(() => {
        const what = patience < idleMs ? `the body took longer than ${totalMs} ms` : `no byte within ${idleMs} ms`;
        stream.destroy(new WireFault('timeout', what, true));
      }, patience);
      let piece: Uint8Array | undefined;
      try {
        piece = await inflow.take();
      } finally {
        clearTimeout(timer);
      }
      waited += monotonic() - began;
      if (piece === undefined) return;
      yield piece;
    }
  } finally {
    stream.destroy();
  }
}

/** Takes what comes before it is asked for, so that a busy reader finds more at once; then the sender has to wait. */
class Inflow {
  readonly #stream: Readable;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
    stream.on('data', (piece: Uint8Array) => {
      this.#pieces.push(piece);
      this.#bytes += piece.byteLength;
      if (this.#bytes >= MOST) stream.pause();
      this.#wake?.();
    });
    stream.once('end', () => this.#over({}));
    stream.once('error', (error) => this.#over({ error }));
    stream.once('close', () => this.#over({ error: cutOff() }));
    // All of this may have happened before anybody read.
    if (stream.readableEnded) this.#over({});
    else if (stream.errored) this.#over({ error: stream.errored });
    else if (stream.destroyed) this.#over({ error: cutOff() });
  }

  /** Undefined after the last one. */
  async take(): Promise<Uint8Array | undefined> {
    while (this.#bytes === 0 && this.#end === undefined)
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    if (this.#bytes > 0) {
      const pieces = this.#pieces;
      const bytes = this.#bytes;
      [this.#pieces, this.#bytes] = [[], 0];
      if (bytes >= MOST) this.#stream.resume();
      return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, bytes);
    }
    if (this.#end !== undefined && 'error' in this.#end) throw this.#end.error;
    return undefined;
  }

  #over(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake?.();
  }
}

/** As Node's own iterator has it. */
function cutOff(): Error {
  return Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
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

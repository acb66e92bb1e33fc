import type { Readable } from 'node:stream';
import { stream as streamOf } from '../../store/stream.js';
import { readPieces } from './body.js';
import type { Deadline } from './deadline.js';
import { type Doing, storeError } from './doing.js';
import { faultError } from './fault.js';
import type { Timeouts } from './settings.js';
import { WireFault } from './wire.js';

interface BodyOptions {
  readonly stream: Readable;
  readonly doing: Doing;
  readonly deadline: Deadline;
  readonly timeouts: Timeouts;
  /** How many bytes the server announced. */
  readonly announced: number;
  /** Which of them are wanted: a server that knows no ranges sends all. */
  readonly skip: number;
  readonly wanted: number;
}

/** An object's bytes, exactly as many as announced, or an error. To be read once. */
export function objectBody(options: BodyOptions): AsyncIterable<Uint8Array> {
  const { stream, deadline, timeouts } = options;
  // An answer that nobody reads would hold its connection for ever.
  const forgotten = setTimeout(() => {
    stream.destroy(new WireFault('timeout', 'the body was never read', true));
    deadline.end();
  }, timeouts.totalMs);
  forgotten.unref();
  const stop = (): void => {
    stream.destroy();
  };
  deadline.signal.addEventListener('abort', stop, { once: true });
  const from = pieces(options);
  return streamOf<Uint8Array>(
    () => {
      clearTimeout(forgotten);
      return from.next();
    },
    // The generator lets go of the connection only once it has begun.
    async () => {
      clearTimeout(forgotten);
      deadline.signal.removeEventListener('abort', stop);
      stream.destroy();
      deadline.end();
      await from.return(undefined);
    },
  );
}

async function* pieces(options: BodyOptions): AsyncGenerator<Uint8Array, undefined> {
  const { stream, doing, deadline, timeouts, announced, wanted } = options;
  let seen = 0;
  let skip = options.skip;
  let left = wanted;
  const cut = (cause?: unknown) =>
    storeError(doing, {
      code: 'store/bad-answer',
      why: `the body was cut short: ${seen} of ${announced} bytes came`,
      retryable: true,
      cause: cause instanceof Error ? new Error(cause.message) : undefined,
    });
  try {
    for await (const piece of readPieces(stream, timeouts.idleMs, timeouts.totalMs + announced / 64)) {
      seen += piece.byteLength;
      if (seen > announced)
        throw storeError(doing, { code: 'store/bad-answer', why: `more than ${announced} bytes came` });
      const part = skip === 0 && piece.byteLength <= left ? piece : piece.subarray(skip, skip + left);
      skip -= Math.min(skip, piece.byteLength);
      left -= part.byteLength;
      if (part.byteLength > 0) yield part;
      // The rest of a whole object where a range was asked for is not worth its way here.
      if (left === 0 && seen < announced) return undefined;
    }
  } catch (error) {
    if (deadline.aborted) throw deadline.signal.reason;
    if (error instanceof WireFault) throw faultError(error, doing);
    const broke = error as NodeJS.ErrnoException;
    if (broke?.code === 'ECONNRESET' || broke?.code === 'ERR_STREAM_PREMATURE_CLOSE') throw cut(error);
    throw faultError(error, doing);
  }
  if (deadline.aborted) throw deadline.signal.reason;
  if (seen < announced) throw cut();
  return undefined;
}

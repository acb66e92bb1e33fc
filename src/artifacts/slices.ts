import type { Chunk } from './content.js';

/** Bytes of one chunk. */
export interface Slice {
  readonly chunk: Chunk;
  readonly from: number;
  readonly to: number;
}

/** Chunks, cut anew into pieces of `size` bytes; the last is what is left. */
export async function* slicesOf(
  pages: AsyncIterable<readonly Chunk[]>,
  size: number,
): AsyncGenerator<readonly Slice[]> {
  let piece: Slice[] = [];
  let filled = 0;
  for await (const chunks of pages)
    for (const chunk of chunks)
      for (let from = 0; from < chunk.size; ) {
        const to = Math.min(chunk.size, from + size - filled);
        piece.push({ chunk, from, to });
        filled += to - from;
        from = to;
        if (filled < size) continue;
        yield piece;
        piece = [];
        filled = 0;
      }
  if (filled > 0) yield piece;
}

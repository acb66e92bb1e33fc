import type { ReadStore } from '../store/store.js';

/** An object's bytes, or undefined if it is absent or has more than `most`: nobody's size is believed before it is read. */
export async function readBytes(
  store: ReadStore,
  key: string,
  most: number,
  range: { readonly offset?: number; readonly length?: number; readonly signal?: AbortSignal } = {},
): Promise<Buffer | undefined> {
  const found = await store.read(key, range);
  if (found === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of found.body) {
    size += piece.byteLength;
    if (size > most) return undefined;
    pieces.push(piece);
  }
  const [only] = pieces;
  return pieces.length === 1 && only
    ? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
    : Buffer.concat(pieces);
}

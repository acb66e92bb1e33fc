import type { Digest } from '../core/brand.js';
import { CHUNK, isDigest } from './layout.js';
import { badList } from './refuse.js';
import { isCount, type Row, readRows, writeRows } from './rows.js';

/** The bytes of one file. Up to a chunk they are the blob `digest`; above that `list` names the blob with its chunk list. */
export interface Content {
  readonly size: number;
  readonly digest: Digest;
  readonly list?: Digest;
}

/** Nothing needs no blob. */
export const isStored = (content: Content): boolean => content.size > 0;

/** As cells of a row. */
export const contentCells = ({ size, digest, list }: Content): Row =>
  list === undefined ? [size, digest] : [size, digest, list];

export function readContent(cells: Row): Content {
  const [size, digest, list] = cells;
  if (!isCount(size)) throw badList('a size is none');
  if (!isDigest(digest)) throw badList('a digest is none');
  if (size > CHUNK !== (cells.length === 3))
    throw badList('what is larger than a chunk has a chunk list, and nothing else');
  if (cells.length === 2) return { size, digest };
  if (cells.length !== 3 || !isDigest(list)) throw badList('a chunk list is none');
  return { size, digest, list };
}

export interface Chunk {
  readonly digest: Digest;
  readonly size: number;
}

const LIST = 'stepaside/chunks/1';
const PAGE = 'stepaside/chunk-page/1';
/** The one chunker there is. Another would have another name here. */
const CHUNKER = 'fixed-8m';
/** 64 GiB a page. */
export const CHUNKS_A_PAGE = 8192;

export const writeChunkPage = (chunks: readonly Chunk[]): Uint8Array =>
  writeRows([[PAGE], ...chunks.map(({ digest, size }) => [digest, size])]);

export function readChunkPage(bytes: Uint8Array): readonly Chunk[] {
  const [head, ...rows] = readRows(bytes, PAGE);
  if (head!.length !== 1 || rows.length === 0 || rows.length > CHUNKS_A_PAGE)
    throw badList('a page has no such length');
  return rows.map((row) => {
    const [digest, size] = row;
    if (row.length !== 2 || !isDigest(digest)) throw badList('a chunk is none');
    if (!isCount(size) || size < 1 || size > CHUNK) throw badList('a chunk has no such size');
    return { digest, size };
  });
}

export interface ChunkList {
  readonly size: number;
  readonly digest: Digest;
  readonly pages: readonly Digest[];
}

export const writeChunkList = ({ size, digest, pages }: ChunkList): Uint8Array =>
  writeRows([[LIST, CHUNKER, size, digest], ...pages.map((page) => [page])]);

export function readChunkList(bytes: Uint8Array): ChunkList {
  const [head, ...rows] = readRows(bytes, LIST);
  const [, chunker, size, digest] = head!;
  if (head!.length !== 4 || chunker !== CHUNKER) throw badList(`its chunker is ${JSON.stringify(chunker)}`);
  if (!isCount(size) || !isDigest(digest)) throw badList('its contents have no size or digest');
  if (rows.length !== Math.ceil(size / CHUNK / CHUNKS_A_PAGE))
    throw badList('it has not as many pages as its size asks for');
  const pages = rows.map((row) => {
    if (row.length !== 1 || !isDigest(row[0])) throw badList('a page is none');
    return row[0];
  });
  return { size, digest, pages };
}

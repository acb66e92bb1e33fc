import type { Digest } from '../core/brand.js';
import { type Content, contentCells, readContent } from './content.js';
import { readMode } from './entry.js';
import { isDigest } from './layout.js';
import { badList } from './refuse.js';
import { isCount, readRows, writeRows } from './rows.js';

/** What an artifact's digest names: a file, or the pages of a tree list. */
export type Root = FileRoot | TreeRoot;

export interface FileRoot {
  readonly kind: 'file';
  readonly mode: number;
  readonly content: Content;
}

export interface TreeRoot {
  readonly kind: 'tree';
  /** Declared up front, so that nobody unpacks without end: a tree with more of anything is refused. */
  readonly files: number;
  readonly folders: number;
  readonly links: number;
  readonly bytes: number;
  readonly pages: readonly Digest[];
}

const FILE = 'stepaside/file/1';
const TREE = 'stepaside/tree/1';
/** Of a tree of a hundred million entries. More is no list of ours. */
export const MAX_ROOT_BYTES = 16 * 2 ** 20;

export function writeRoot(root: Root): Uint8Array {
  if (root.kind === 'file') return writeRows([[FILE, root.mode, ...contentCells(root.content)]]);
  const { files, folders, links, bytes, pages } = root;
  return writeRows([[TREE, files, folders, links, bytes], ...pages.map((page) => [page])]);
}

export function readRoot(bytes: Uint8Array): Root {
  if (bytes.byteLength > MAX_ROOT_BYTES) throw badList('it is too large');
  const isFile = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(FILE) === 2;
  const [head, ...rows] = readRows(bytes, isFile ? FILE : TREE);
  if (isFile) {
    if (rows.length > 0) throw badList('a file has one line');
    return { kind: 'file', mode: readMode(head![1]), content: readContent(head!.slice(2)) };
  }
  const [, files, folders, links, size] = head!;
  if (head!.length !== 5 || ![files, folders, links, size].every(isCount)) throw badList('a tree has no such counts');
  const pages = rows.map((row) => {
    if (row.length !== 1 || !isDigest(row[0])) throw badList('a page is none');
    return row[0];
  });
  const [f, d, l, s] = [files, folders, links, size] as [number, number, number, number];
  if (pages.length > f + d + l) throw badList('it has more pages than entries');
  return { kind: 'tree', files: f, folders: d, links: l, bytes: s, pages };
}

export function bytesOf(root: Root): number {
  return root.kind === 'file' ? root.content.size : root.bytes;
}

/** How much it is, or the part of it that was asked for: what a person asks of an artifact. */
export interface Extent {
  /** Files, links and empty folders. */
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

export function extentOf(root: Root): Extent {
  if (root.kind === 'file') return { entries: 1, files: 1, bytes: root.content.size };
  const { files, folders, links, bytes } = root;
  return { entries: files + folders + links, files, bytes };
}

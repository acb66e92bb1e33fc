import type { Digest } from '../core/brand.js';
import { compareUtf8 } from '../core/utf8.js';
import { type Entry, entryRow, orderOf, readEntry } from './entry.js';
import { badList } from './refuse.js';
import type { TreeRoot } from './root.js';
import { type Row, readRows, writeRows } from './rows.js';

const PAGE = 'stepaside/tree-page/1';
const LEAST = 256;
const MOST = 4096;
/** Pages are blobs, and small ones: long paths end a page early. */
const MOST_BYTES = 512 * 1024;

/**
 * Entries in UTF-8 order of their paths, in pages. Where a page ends is decided by the paths in it, so that a file more
 * or less changes one page and the others are stored already.
 */
export class TreeListWriter {
  readonly #put: (page: Uint8Array) => Promise<Digest>;
  readonly #pages: Digest[] = [];
  #rows: Row[] = [[PAGE]];
  #bytes = 0;
  #last: string | undefined;
  #counts = { files: 0, folders: 0, links: 0, bytes: 0 };

  constructor(put: (page: Uint8Array) => Promise<Digest>) {
    this.#put = put;
  }

  /** True where the page is full, and `turn` has to be awaited before the next entry. */
  add(entry: Entry): boolean {
    const order = orderOf(entry);
    if (this.#last !== undefined && compareUtf8(this.#last, order) >= 0)
      throw badList(`${JSON.stringify(order)} comes out of order`);
    this.#last = order;
    this.#rows.push(entryRow(entry));
    this.#bytes += Buffer.byteLength(order) + (entry.kind === 'link' ? Buffer.byteLength(entry.target) : 0);
    if (entry.kind === 'file') {
      this.#counts.files += 1;
      this.#counts.bytes += entry.content.size;
    } else if (entry.kind === 'folder') this.#counts.folders += 1;
    else this.#counts.links += 1;
    return this.#rows.length > MOST || this.#bytes > MOST_BYTES || (this.#rows.length > LEAST && endsPage(entry.path));
  }

  async turn(): Promise<void> {
    if (this.#rows.length === 1) return;
    const page = writeRows(this.#rows);
    this.#rows = [[PAGE]];
    this.#bytes = 0;
    this.#pages.push(await this.#put(page));
  }

  async done(): Promise<TreeRoot> {
    await this.turn();
    return { kind: 'tree', ...this.#counts, pages: this.#pages };
  }
}

/** One path in a thousand, by FNV-1a over its UTF-16 units. */
function endsPage(path: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193);
  return ((hash >>> 16) & 0x3ff) === 0;
}

/** Page by page, so that a million entries need no memory. Throws where the list is none; the caller keeps nothing of it. */
export async function* readTree(
  root: TreeRoot,
  get: (page: Digest) => Promise<Uint8Array>,
): AsyncGenerator<readonly Entry[]> {
  const seen = { files: 0, folders: 0, links: 0, bytes: 0 };
  let last: string | undefined;
  for (const digest of root.pages) {
    const [head, ...rows] = readRows(await get(digest), PAGE);
    if (head!.length !== 1 || rows.length === 0 || rows.length > MOST) throw badList('a page has no such length');
    const entries = rows.map(readEntry);
    for (const entry of entries) {
      const order = orderOf(entry);
      if (last !== undefined && compareUtf8(last, order) >= 0)
        throw badList(`${JSON.stringify(order)} comes twice or out of order`);
      last = order;
      if (entry.kind === 'file') {
        seen.files += 1;
        seen.bytes += entry.content.size;
      } else if (entry.kind === 'folder') seen.folders += 1;
      else seen.links += 1;
    }
    if (seen.files > root.files || seen.bytes > root.bytes || seen.folders > root.folders || seen.links > root.links)
      throw badList('it holds more than it declares');
    yield entries;
  }
  if (
    seen.files !== root.files ||
    seen.bytes !== root.bytes ||
    seen.folders !== root.folders ||
    seen.links !== root.links
  )
    throw badList('it holds less than it declares');
}

import { isPart } from '../core/parts.js';
import { type Content, contentCells, readContent } from './content.js';
import { badList } from './refuse.js';
import type { Row } from './rows.js';

/** What a tree consists of. Folders are named only where nothing lies in them. */
export type Entry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Content }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

export function entryRow(entry: Entry): Row {
  switch (entry.kind) {
    case 'file':
      return ['f', entry.path, entry.mode, ...contentCells(entry.content)];
    case 'folder':
      return ['d', orderOf(entry)];
    case 'link':
      return ['l', entry.path, entry.target];
    default:
      return entry satisfies never;
  }
}

/** Entries stand in the UTF-8 order of this; a folder stands where what lies in it would. */
export function orderOf({ kind, path }: Pick<Entry, 'kind' | 'path'>): string {
  return kind === 'folder' ? `${path}/` : path;
}

/** Refuses what could land outside the target or be more than a plain file, whoever wrote it. */
export function readEntry(row: Row): Entry {
  const [kind, written, third] = row;
  if (typeof written !== 'string') throw badList('a path is none');
  const path = kind === 'd' && written.endsWith('/') ? written.slice(0, -1) : written;
  const why = pathFault(path);
  // biome-ignore format: the broken form is compiled out of the package; the campaign on hostile lists must catch it
  if (__SABOTAGE__ !== 'unchecked-paths')
  if (why !== undefined) throw badList(`${JSON.stringify(path.slice(0, 300))}: ${why}`);
  switch (kind) {
    case 'f':
      return { kind: 'file', path, mode: readMode(third), content: readContent(row.slice(3)) };
    case 'd':
      if (row.length !== 2 || path === written) break;
      return { kind: 'folder', path };
    case 'l': {
      if (row.length !== 3 || typeof third !== 'string') break;
      const fault = __SABOTAGE__ === 'unchecked-links' ? undefined : targetFault(path, third);
      if (fault !== undefined)
        throw badList(`${JSON.stringify(path)} -> ${JSON.stringify(third.slice(0, 300))}: ${fault}`);
      return { kind: 'link', path, target: third };
    }
  }
  throw badList(`an entry is neither file, folder nor link`);
}

/** Permissions, and nothing above them: no setuid, setgid or sticky bit. */
export function readMode(mode: unknown): number {
  if (__SABOTAGE__ === 'unchecked-modes') return mode as number;
  if (typeof mode !== 'number' || !Number.isInteger(mode) || mode < 0 || mode > 0o777) throw badList('a mode is none');
  return mode;
}

const MAX_PATH = 4000;
const MAX_SEGMENT = 255;
const MAX_DEPTH = 128;

/** Why a path below a target is none; nothing if it is one. */
export function pathFault(path: string): string | undefined {
  if (!path.isWellFormed()) return 'it is no Unicode';
  if (path.includes('\0')) return 'it holds NUL';
  if (Buffer.byteLength(path) > MAX_PATH) return `it is longer than ${MAX_PATH} bytes`;
  const segments = path.split('/');
  if (segments.length > MAX_DEPTH) return `it is deeper than ${MAX_DEPTH} folders`;
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..') return 'it could climb out of its folder';
    if (segment.length > MAX_SEGMENT / 4 && Buffer.byteLength(segment) > MAX_SEGMENT)
      return 'a name is longer than 255 bytes';
    // A marker proves an output complete, and our temporary names are ours.
    if (!isPart(segment)) return 'such a name is not kept';
    if (process.platform === 'win32' && /[\\:]/.test(segment)) return 'Windows reads it as another path';
  }
  return undefined;
}

/**
 * A link leads up first and then down, and not above the tree: `..` after a name would climb from wherever that name
 * leads, which no text can tell.
 */
export function targetFault(path: string, target: string): string | undefined {
  if (target === '' || target.startsWith('/')) return 'it must be relative';
  if (!target.isWellFormed() || target.includes('\0') || Buffer.byteLength(target) > MAX_PATH) return 'it is no path';
  const segments = target.split('/');
  const up = segments.findIndex((segment) => segment !== '..');
  const climbs = up === -1 ? segments.length : up;
  if (climbs > path.split('/').length - 1) return 'it leads out of the tree';
  for (const segment of segments.slice(climbs))
    if (segment === '..' || segment === '.' || segment === '') return 'it goes up after it went down';
  return undefined;
}

import { type Dirent, readdirSync } from 'node:fs';
import { isPart } from '../core/parts.js';
import { compareUtf8 } from '../core/utf8.js';

export interface Walked {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Below the root, with `/`. */
  readonly path: string;
}

/** What lies in a folder, in the order of a tree list; folders only where nothing lies in them. Follows no link. */
export function* walkFolder(root: string, marker?: string, below = ''): Generator<Walked> {
  const found = readdirSync(`${root}/${below}`, { withFileTypes: true });
  const entries = found
    .map((entry) => ({ entry, order: entry.isDirectory() ? `${entry.name}/` : entry.name }))
    .sort((a, b) => compareUtf8(a.order, b.order));
  let any = false;
  for (const { entry } of entries) {
    const path = below + entry.name;
    if (!isPart(path, marker)) continue;
    any = true;
    if (entry.isDirectory()) yield* walkFolder(root, marker, `${path}/`);
    else yield { kind: kindOf(entry), path };
  }
  if (!any && below !== '') yield { kind: 'folder', path: below.slice(0, -1) };
}

function kindOf(entry: Dirent): Walked['kind'] {
  return entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'link' : 'other';
}

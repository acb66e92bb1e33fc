import fs from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError } from '../core/error.js';
import { OUR_MARKER } from '../core/marker.js';
import { type Beside, syncFolder } from './swap.js';

/**
 * What was missing, one by one: a tree that is short stays short until the last is there. `over`: files that are there and
 * wrong are replaced; else whatever has come to lie there meanwhile - or was there all along, under a name that is the same
 * one to this file system - is in the way. That is asked of all of them first.
 */
export async function fill(
  { target, built }: Beside,
  missing: ReadonlySet<string>,
  { over }: { readonly over: boolean },
): Promise<void> {
  const folders = new Map<string, boolean>();
  for (const path of missing) {
    if (!isFolder(target, dirname(path), folders)) continue;
    const to = join(target, path);
    const there = fs.lstatSync(to, { throwIfNoEntry: false });
    if (there !== undefined && !(over && there.isFile())) throw met(to);
  }
  for (const [folder, isThere] of folders)
    if (isThere) await markerOff(folder);
    else fs.mkdirSync(folder);
  for (const path of missing) {
    const to = join(target, path);
    if (!over && fs.lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw met(to);
    await rename(join(built, path), to);
  }
  for (const folder of folders.keys()) await syncFolder(folder);
}

/** What it says of what was there must not be read above what comes, also after a power cut. */
async function markerOff(folder: string): Promise<void> {
  const marker = join(folder, OUR_MARKER);
  if (fs.lstatSync(marker, { throwIfNoEntry: false }) === undefined) return;
  fs.rmSync(marker);
  await syncFolder(folder);
}

/** Folders only: through a link the path could lead anywhere. Those to be made come after those that hold them. */
function isFolder(target: string, path: string, known: Map<string, boolean>): boolean {
  const full = join(target, path);
  const before = known.get(full);
  if (before !== undefined) return before;
  const above = path === '.' || isFolder(target, dirname(path), known);
  const there = above ? fs.lstatSync(full, { throwIfNoEntry: false }) : undefined;
  if (there?.isDirectory() === false) throw met(full);
  known.set(full, there !== undefined);
  return there !== undefined;
}

function met(path: string): StoreError {
  const message = `${path} lies where something else belongs: it was left as it is`;
  return new StoreError('store/conflict', message, { store: path }, { hint: 'move it away' });
}

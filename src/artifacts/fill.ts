import fs from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError } from '../core/error.js';
import { type Beside, syncFolder } from './swap.js';

/**
 * What was missing, one by one: a tree that is short stays short until the last is there. `over`: files that are there and
 * wrong are replaced; else whatever has come to lie there meanwhile - or was there all along, under a name that is the same
 * one to this file system - is in the way.
 */
export async function fill(
  { target, built }: Beside,
  missing: ReadonlySet<string>,
  { over }: { readonly over: boolean },
): Promise<void> {
  const folders = new Set<string>();
  for (const path of missing) {
    const to = join(target, path);
    folders.add(realFolder(target, dirname(path), folders));
    const there = fs.lstatSync(to, { throwIfNoEntry: false });
    if (there !== undefined && !(over && there.isFile())) throw met(to);
    await rename(join(built, path), to);
  }
  for (const folder of folders) await syncFolder(folder);
}

/** Folders only: through a link the path could lead anywhere. */
function realFolder(target: string, path: string, known: ReadonlySet<string>): string {
  const full = join(target, path);
  if (path === '.' || known.has(full)) return full;
  realFolder(target, dirname(path), known);
  const there = fs.lstatSync(full, { throwIfNoEntry: false });
  if (there === undefined) fs.mkdirSync(full);
  else if (!there.isDirectory()) throw met(full);
  return full;
}

function met(path: string): StoreError {
  const message = `${path} lies where something else belongs: it was left as it is`;
  return new StoreError('store/conflict', message, { store: path }, { hint: 'move it away' });
}

import type { Dirent } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TEMPORARY } from '../core/parts.js';
import type { Doomed } from './survey.js';

/** What processes of ours leave when they are killed: files and folders of exactly such names. */
const LEFT = new RegExp(`^${TEMPORARY.replaceAll('.', '\\.')}[0-9]+-[0-9a-f]{16}$`);
/** Where a restore puts what it replaced: beside the place, or in it where it is a mount. */
export const TRASH = `${TEMPORARY}trash`;
/** The names in there begin with the time. */
const TRASHED = /^([0-9]{13})-[0-9]+-[0-9a-z]+$/;

/** Whoever needs a temporary file for longer has died, however short the grace is. */
const LONGEST_MS = 86_400_000;

export interface LitterOptions {
  readonly graceMs: number;
  readonly now: () => number;
}

/** Folders of a disk, each with or without what is below it. */
export interface Littered {
  readonly path: string;
  readonly deep: boolean;
}

/** What may go: no link is followed, and what has another name is somebody else's. */
export async function* litterIn(folders: readonly Littered[], options: LitterOptions): AsyncGenerator<Doomed> {
  const seen = new Set<string>();
  for (const { path, deep } of folders) {
    if (seen.has(path)) continue;
    seen.add(path);
    yield* below(path, deep, options);
  }
}

async function* below(folder: string, deep: boolean, options: LitterOptions): AsyncGenerator<Doomed> {
  for (const entry of await entriesIn(folder)) {
    const path = join(folder, entry.name);
    if (entry.name === TRASH && entry.isDirectory()) yield* trashIn(path, options);
    else if (LEFT.test(entry.name)) yield* left(path, options);
    else if (deep && entry.isDirectory()) yield* below(path, true, options);
  }
}

async function* trashIn(folder: string, { graceMs, now }: LitterOptions): AsyncGenerator<Doomed> {
  for (const { name } of await entriesIn(folder)) {
    const at = Number(TRASHED.exec(name)?.[1] ?? Number.NaN);
    if (!(at < now() - graceMs)) continue;
    const path = join(folder, name);
    const { size } = await extentOf(path);
    yield { key: path, kind: 'trash', size, why: 'a restore replaced it' };
  }
}

async function* left(path: string, { graceMs, now }: LitterOptions): AsyncGenerator<Doomed> {
  const { size, at } = await extentOf(path);
  if (at >= now() - Math.max(graceMs, LONGEST_MS)) return;
  yield { key: path, kind: 'temporary', size, why: 'somebody was killed and left it' };
}

export async function removeLitter({ key }: Doomed): Promise<void> {
  await rm(key, { recursive: true, force: true });
}

/** How much it is, and when anything in it was last changed. */
async function extentOf(path: string): Promise<{ readonly size: number; readonly at: number }> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return { size: 0, at: Number.POSITIVE_INFINITY };
  let [size, at] = [stats.isFile() ? stats.size : 0, Math.max(stats.mtimeMs, stats.ctimeMs)];
  if (stats.isDirectory())
    for (const { name } of await entriesIn(path)) {
      const inner = await extentOf(join(path, name));
      size += inner.size;
      at = Math.max(at, inner.at);
    }
  return { size, at };
}

/** Of what is not there, or not ours to see, nothing can be cleaned. */
async function entriesIn(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

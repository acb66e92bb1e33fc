import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileTrouble } from '../artifacts/file-trouble.js';
import type { Root } from '../artifacts/root.js';
import { newTally } from '../artifacts/tally.js';
import { contains, type Location, parseLocation, type S3Location } from '../core/location.js';
import { diskPath } from '../preset.js';
import type { AtArtifacts } from './at-artifacts.js';
import { progress } from './progress.js';

/** With its progress shown. */
export async function watched<T>(
  { args, terminal, signal }: AtArtifacts,
  verb: string,
  act: (options: { tally: ReturnType<typeof newTally>; signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const tally = newTally();
  const stop = progress({ terminal, tally, verb, quiet: args.on('json') || args.on('quiet') });
  try {
    return await act({ tally, signal });
  } finally {
    stop();
  }
}

export const factsOf = (root: Root) =>
  root.kind === 'tree'
    ? { kind: 'tree', files: root.files, bytes: root.bytes }
    : { kind: 'file', files: 1, bytes: root.content.size, content: root.content.digest };

/**
 * Where it lies on this machine. A volume is asked first whether it is mounted: what is written where it would be lies on
 * another disk.
 */
export async function pathHere(
  { terminal, places, surroundings }: AtArtifacts,
  location: Exclude<Location, S3Location>,
): Promise<string> {
  if (location.kind === 'volume') {
    const { store, key } = places.at(location);
    for await (const _ of store.list(key)) break;
  }
  return resolve(diskPath(location, { ...surroundings, folder: terminal.cwd })!);
}

/** How a place lies to the cache, also where either is reached by a link or is not made yet. */
export function besideCache(
  { cache, surroundings, terminal }: AtArtifacts,
  location: Location,
): 'apart' | 'within' | 'itself' | 'around' {
  const own = parseLocation(cache.uri);
  const path = diskPath(location, { ...surroundings, folder: terminal.cwd });
  const cachePath = diskPath(own, surroundings);
  const [isWithin, isAround] =
    path === undefined || cachePath === undefined
      ? [contains(own, location), contains(location, own)]
      : isEitherIn(realOf(path), realOf(cachePath));
  return isWithin ? (isAround ? 'itself' : 'within') : isAround ? 'around' : 'apart';
}

const isEitherIn = (path: string, cache: string) => [isIn(cache, path), isIn(path, cache)] as const;

/** What is not there yet lies where the nearest folder above it really is. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(path);
    return (code === 'ENOENT' || code === 'ENOTDIR') && above !== path
      ? join(realOf(above), basename(path))
      : fileTrouble(error);
  }
}

export const isIn = (folder: string, path: string) => !/^\.\.(\/|$)/.test(relative(folder, path));

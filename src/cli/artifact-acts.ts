import { realpathSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { statAt } from '../artifacts/file-trouble.js';
import type { Root } from '../artifacts/root.js';
import { newTally } from '../artifacts/tally.js';
import { type Location, parseLocation, type S3Location } from '../core/location.js';
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

/** Also where either is reached by a link. One that could not be made is told by the first write. */
export function holdsCache({ cache, surroundings }: AtArtifacts, path: string): boolean {
  const cachePath = diskPath(parseLocation(cache.uri), surroundings);
  const isMade = cachePath !== undefined && statAt(cachePath) !== undefined && statAt(path) !== undefined;
  return isMade && isIn(realpathSync(path), realpathSync(cachePath));
}

export const isIn = (folder: string, path: string) => !/^\.\.(\/|$)/.test(relative(folder, path));

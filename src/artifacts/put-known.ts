import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Blobs } from './blobs.js';
import type { PutContext } from './put-content.js';
import { type PutFile, putFile } from './put-file.js';
import { openStatIndex, type StatIndex } from './stat-index.js';

/** With an index of what was read from `path` before, in a folder of such indexes; without a folder all is read. */
export async function withStats<T>(
  { store, hash }: Blobs,
  path: string,
  folder: string | undefined,
  act: (stats: StatIndex | undefined) => Promise<T>,
): Promise<T> {
  if (folder === undefined) return act(undefined);
  const of = JSON.stringify([store.name, path]);
  const stats = openStatIndex({ file: join(folder, hash.digest(Buffer.from(of)).slice(7, 39)), hash, of });
  try {
    const done = await act(stats);
    stats.save();
    return done;
  } finally {
    stats.close();
  }
}

interface Known {
  /** As the index names it. */
  readonly path: string;
  readonly full: string;
  /** A link given by name means what it leads to. */
  readonly follow?: boolean;
}

/** A file that has the stamps it had when it was read need not be read, if the store has all that was in it. */
export async function putKnown(
  context: PutContext,
  { path, full, follow = false }: Known,
  { index, strict = false }: { readonly index: StatIndex | undefined; readonly strict?: boolean | undefined },
): Promise<PutFile> {
  if (index === undefined) return putFile(context, full, { follow });
  const readAt = Date.now();
  if (!strict) {
    const stats = (follow ? statSync : lstatSync)(full, { bigint: true });
    const content = stats.isFile() ? index.find(path, stats) : undefined;
    if (content !== undefined && (await context.blobs.holds(content))) {
      index.note(path, stats, content, readAt);
      context.tally.files += 1;
      context.tally.bytes += content.size;
      context.tally.thereBytes += content.size;
      return { content, mode: Number(stats.mode & 0o777n), stats };
    }
  }
  const read = await putFile(context, full, { follow, ...(strict && { known: (stats) => index.find(path, stats) }) });
  index.note(path, read.stats, read.content, readAt);
  return read;
}

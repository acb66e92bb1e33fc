import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../core/brand.js';
import { compareUtf8 } from '../core/utf8.js';
import type { Blake3 } from '../hash.js';
import { entriesOf } from './artifact.js';
import type { Blobs } from './blobs.js';
import { type Entry, orderOf } from './entry.js';
import { PACKED } from './layout.js';
import type { Root } from './root.js';
import { walkFolder } from './walk-folder.js';

/** `same`: all of it. `short`: these are missing, and all that is there belongs to it. `other`: anything else. */
export type Comparison =
  | { readonly is: 'same' | 'other' }
  | { readonly is: 'short'; readonly missing: ReadonlySet<string>; readonly bytes: number };

class Missing {
  readonly #paths = new Set<string>();
  #bytes = 0;

  add(entry: Entry): void {
    this.#paths.add(entry.path);
    if (entry.kind === 'file') this.#bytes += entry.content.size;
  }

  get comparison(): Comparison {
    return this.#paths.size === 0 ? { is: 'same' } : { is: 'short', missing: this.#paths, bytes: this.#bytes };
  }
}

/** What lies in a folder against an artifact, by content. Both come in one order, so neither is held. */
export async function compareTree(blobs: Blobs, root: Root, folder: string): Promise<Comparison> {
  const missing = new Missing();
  const walk = walkFolder(folder);
  let at = walk.next();
  for await (const entries of entriesOf(blobs, root)) {
    for (const entry of entries) {
      const order = at.done ? 1 : compareUtf8(orderOf(at.value as Entry), orderOf(entry));
      if (order < 0) return { is: 'other' };
      if (order > 0) missing.add(entry);
      else {
        if (at.value!.kind !== entry.kind || !(await isRight(blobs.hash, `${folder}/${entry.path}`, entry)))
          return { is: 'other' };
        at = walk.next();
      }
    }
  }
  return at.done ? missing.comparison : { is: 'other' };
}

/** The same of some paths, whatever else lies in the folder: `missing` are those that are not there, or not right. */
export async function comparePaths(
  blobs: Blobs,
  root: Root,
  folder: string,
  wants: (path: string) => boolean,
): Promise<Comparison> {
  const missing = new Missing();
  for await (const entries of entriesOf(blobs, root))
    for (const entry of entries)
      if (
        wants(entry.path) &&
        !(isBelow(folder, entry) && (await isRight(blobs.hash, `${folder}/${entry.path}`, entry)))
      )
        missing.add(entry);
  return missing.comparison;
}

/** There, of its kind, and not through a link. */
function isBelow(folder: string, { kind, path }: Entry): boolean {
  const full = `${folder}/${path}`;
  const stats = lstatOf(full);
  if (stats === undefined || fs.realpathSync(dirname(full)) !== join(fs.realpathSync(folder), dirname(path)))
    return false;
  return kind === 'file' ? stats.isFile() : kind === 'link' ? stats.isSymbolicLink() : stats.isDirectory();
}

/** Undefined also where a file lies in place of a folder above it. */
function lstatOf(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The first thing that lies there and is no part of it: by its path, or as what it is. An empty folder is nothing. */
export async function strangerIn(blobs: Blobs, root: Root, target: string): Promise<string | undefined> {
  const stats = fs.statSync(target);
  if (stats.isDirectory() !== (root.kind === 'tree')) return target;
  if (root.kind === 'file') return undefined;
  const walk = walkFolder(target);
  const next = () => {
    let one = walk.next();
    while (!one.done && one.value.kind === 'folder') one = walk.next();
    return one;
  };
  let at = next();
  for await (const entries of entriesOf(blobs, root))
    for (const entry of entries) {
      if (at.done) return undefined;
      const order = compareUtf8(orderOf(at.value as Entry), orderOf(entry));
      if (order < 0 || (order === 0 && at.value.kind !== entry.kind)) return `${target}/${at.value.path}`;
      if (order === 0) at = next();
    }
  return at.done ? undefined : `${target}/${at.value.path}`;
}

const read = promisify(fs.read);

/** The same kind, bytes and, for whom it matters, right to execute. */
export async function isRight(hash: Blake3, path: string, entry: Entry): Promise<boolean> {
  if (entry.kind === 'folder') return true;
  if (entry.kind === 'link') return fs.readlinkSync(path) === entry.target;
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch {
    return false; // what cannot be read is not known to be right
  }
  try {
    const stats = fs.fstatSync(fd);
    if (!stats.isFile() || stats.size !== entry.content.size || (stats.mode & 0o100) !== (entry.mode & 0o100))
      return false;
    // What is this small takes longer to ask for than to read.
    if (stats.size <= PACKED) return digestNow(hash, fd, stats.size) === entry.content.digest;
    const stream = hash.stream();
    const buffer = Buffer.allocUnsafe(Math.min(2 ** 20, Math.max(1, stats.size)));
    for (let at = 0; ; ) {
      const { bytesRead } = await read(fd, buffer, 0, buffer.byteLength, at);
      if (bytesRead === 0) return stream.digest() === entry.content.digest;
      stream.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    fs.closeSync(fd);
  }
}

function digestNow(hash: Blake3, fd: number, size: number): Digest | undefined {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) {
    const count = fs.readSync(fd, bytes, at, size - at, at);
    if (count === 0) return undefined;
    at += count;
  }
  return hash.digest(bytes);
}

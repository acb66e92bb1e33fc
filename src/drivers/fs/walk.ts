import type { BigIntStats, Dirent } from 'node:fs';
import { compareUtf8 } from '../../core/utf8.js';
import type { Head } from '../../store/store.js';
import { type Disk, headOf } from './disk.js';
import { badKey, isHidden } from './names.js';

interface WalkOptions {
  readonly prefix: string;
  readonly after: string | undefined;
  /** How many files are looked at together. */
  readonly width: number;
  readonly check: () => void;
}

interface Folder {
  readonly path: string;
  /** What its keys begin with: empty, or ending in `/`. */
  readonly below: string;
  readonly above: Folder | undefined;
}

interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
  /** As keys sort: a folder stands where its first key would. */
  readonly order: string;
  /** Known already, of what a symbolic link leads to. */
  readonly stats: BigIntStats | undefined;
  readonly isLink: boolean;
}

/** Every file below the root whose key begins with the prefix, in UTF-8 order. Holds one folder's names per level. */
export async function* walk(disk: Disk, options: WalkOptions): AsyncGenerator<Head> {
  // From the root on, so that a circle is the same circle whatever prefix was asked for.
  let folder: Folder = { path: disk.root, below: '', above: undefined };
  for (const name of options.prefix.split('/').slice(0, -1)) folder = child(folder, name);
  yield* walkFolder(disk, options, folder);
}

function child(folder: Folder, name: string): Folder {
  return { path: pathIn(folder, name), below: `${folder.below}${name}/`, above: folder };
}

function pathIn({ path }: Folder, name: string): string {
  return path === '/' ? `/${name}` : `${path}/${name}`;
}

async function* walkFolder(disk: Disk, options: WalkOptions, folder: Folder): AsyncGenerator<Head> {
  const { width, check } = options;
  const entries = await readFolder(disk, options, folder);
  for (let i = 0; i < entries.length; ) {
    check();
    const entry = entries[i]!;
    if (entry.isFolder) {
      i += 1;
      if (entry.isLink && (await isAncestor(disk, folder, entry.stats))) continue;
      yield* walkFolder(disk, options, child(folder, entry.name));
      continue;
    }
    let end = i + 1;
    while (end < entries.length && end - i < width && !entries[end]!.isFolder) end += 1;
    const files = entries.slice(i, end);
    const heads = disk.isSlow ? await Promise.all(files.map((file) => headOfEntry(disk, folder, file))) : undefined;
    for (const [at, file] of files.entries()) {
      const head = heads === undefined ? await headOfEntry(disk, folder, file) : heads[at];
      if (head !== undefined) yield head;
    }
    i = end;
  }
}

async function readFolder(disk: Disk, options: WalkOptions, folder: Folder): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  // Never there, or gone since its own folder was read: in both cases it holds nothing.
  for (const found of await disk.namesIn(folder.path)) {
    if (isHidden(found.name)) continue;
    const entry = found.isSymbolicLink() ? await followed(disk, folder, found) : plain(found);
    if (entry !== undefined && isWanted(options, folder.below + entry.name, entry.isFolder)) entries.push(entry);
  }
  return entries.sort((a, b) => compareUtf8(a.order, b.order));
}

function isWanted({ prefix, after }: WalkOptions, key: string, isFolder: boolean): boolean {
  const keys = isFolder ? `${key}/` : key;
  if (!keys.startsWith(prefix) && !(isFolder && prefix.startsWith(keys))) return false;
  if (after === undefined || compareUtf8(keys, after) > 0) return true;
  // All keys of a folder that sorts before `after` do so too, unless `after` lies in it.
  return isFolder && after.startsWith(keys);
}

function plain(found: Dirent): Entry | undefined {
  const { name } = found;
  if (found.isDirectory()) return { name, isFolder: true, order: `${name}/`, stats: undefined, isLink: false };
  if (found.isFile()) return { name, isFolder: false, order: name, stats: undefined, isLink: false };
  return undefined;
}

async function followed(disk: Disk, folder: Folder, { name }: Dirent): Promise<Entry | undefined> {
  const stats = await statOrLoop(disk, pathIn(folder, name));
  if (stats?.isDirectory()) return { name, isFolder: true, order: `${name}/`, stats, isLink: true };
  if (stats?.isFile()) return { name, isFolder: false, order: name, stats, isLink: true };
  return undefined;
}

/** A link into itself leads nowhere, like one whose target is gone. */
async function statOrLoop(disk: Disk, path: string): Promise<BigIntStats | undefined> {
  try {
    return await disk.quick.stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') return undefined;
    throw error;
  }
}

async function headOfEntry(disk: Disk, folder: Folder, entry: Entry): Promise<Head | undefined> {
  const key = folder.below + entry.name;
  const stats = entry.stats ?? (await disk.lookUp(pathIn(folder, entry.name)));
  // Node puts U+FFFD for bytes that are no UTF-8, and the name it made up cannot be found. A listing without that file
  // would be short, so there is none.
  if (stats === undefined && entry.name.includes('\ufffd')) throw badKey(disk.name, key, 'the name is no UTF-8');
  return stats?.isFile() ? headOf(key, stats) : undefined;
}

/** Only a link can lead back up, so only links are compared with the folders above. */
async function isAncestor(disk: Disk, folder: Folder, target: BigIntStats | undefined): Promise<boolean> {
  for (let at: Folder | undefined = folder; at !== undefined; at = at.above) {
    const stats = await disk.quick.stat(at.path);
    if (stats !== undefined && stats.ino === target?.ino && stats.dev === target.dev) return true;
  }
  return false;
}

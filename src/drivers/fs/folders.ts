import { type Disk, timeOf } from './disk.js';
import { isHidden } from './names.js';

interface Folder {
  readonly name: string;
  readonly modifiedAt: number;
}

interface FoldersOptions {
  /** How many are looked at together, where each look is a round trip. */
  readonly width: number;
  readonly check: () => void;
}

/** The folders right below one, also those in which nothing lies. Links are left out: nobody's work begins with one. */
export async function foldersIn(
  disk: Disk,
  path: string,
  { width, check }: FoldersOptions,
): Promise<readonly Folder[]> {
  const names = (await disk.namesIn(path)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const found: Folder[] = [];
  for (let i = 0; i < names.length; i += width) {
    check();
    const some = await Promise.all(names.slice(i, i + width).map((name) => look(disk, path, name)));
    for (const folder of some) if (folder !== undefined) found.push(folder);
  }
  return found;
}

/** Files, and links whatever they lead to; nothing of ours that has not got its name yet. */
export async function namesIn(disk: Disk, path: string): Promise<readonly string[]> {
  const named = await disk.namesIn(path);
  return named
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !isHidden(entry.name))
    .map(({ name }) => name);
}

async function look(disk: Disk, path: string, name: string): Promise<Folder | undefined> {
  const stats = await disk.lookUp(path === '/' ? `/${name}` : `${path}/${name}`);
  return stats?.isDirectory() ? { name, modifiedAt: timeOf(stats) } : undefined;
}

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

interface Kept {
  /** Undefined: a folder. */
  readonly bytes: Buffer | undefined;
  readonly mode: number;
  readonly mtimeMs: number;
  /** Who still has it was not touched. */
  stamp: string;
}

/** What short cuts keep for themselves: it outlives what happens to the rest. */
const THEIRS = ['.stepaside/hints', '.stepaside/digests'];

/** A folder as it was, to come back to again and again: only what differs is written. */
export class Snapshot {
  readonly #folder: string;
  readonly #kept = new Map<string, Kept>();

  constructor(folder: string) {
    this.#folder = folder;
    walk(folder, '', (name, stats) => {
      if (stats.isSymbolicLink()) throw new Error(`${name}: a link is not kept`);
      const bytes = stats.isDirectory() ? undefined : readFileSync(join(folder, name));
      this.#kept.set(name, { bytes, mode: stats.mode & 0o7777, mtimeMs: stats.mtimeMs, stamp: stampOf(stats) });
      return true;
    });
  }

  /** Contents, rights and dates as they were; inodes and ctimes as they come. */
  restore(): void {
    const same = new Set<string>();
    walk(this.#folder, '', (name, stats) => {
      const kept = this.#kept.get(name);
      if (!kept || stats.isSymbolicLink() || stats.isDirectory() !== (kept.bytes === undefined)) {
        rmSync(join(this.#folder, name), { recursive: true });
        return false;
      }
      if (kept.bytes === undefined || kept.stamp === stampOf(stats)) same.add(name);
      return true;
    });
    for (const [name, kept] of this.#kept) {
      if (same.has(name)) continue;
      const path = join(this.#folder, name);
      if (kept.bytes === undefined) {
        mkdirSync(path);
        continue;
      }
      // Another file may bear a second name of it, and must not be written through that.
      rmSync(path, { force: true });
      writeFileSync(path, kept.bytes);
      chmodSync(path, kept.mode);
      utimesSync(path, kept.mtimeMs / 1000, kept.mtimeMs / 1000);
      kept.stamp = stampOf(lstatSync(path));
    }
  }
}

function stampOf({ size, mtimeMs, ctimeMs, ino, mode }: Stats): string {
  return `${size} ${mtimeMs} ${ctimeMs} ${ino} ${mode}`;
}

/** Folders before what is in them; `see` says whether to go on into one. */
function walk(folder: string, below: string, see: (name: string, stats: Stats) => boolean): void {
  for (const entry of readdirSync(join(folder, below))) {
    const name = below === '' ? entry : `${below}/${entry}`;
    if (THEIRS.includes(name)) continue;
    const stats = lstatSync(join(folder, name));
    if (see(name, stats) && stats.isDirectory()) walk(folder, name, see);
  }
}

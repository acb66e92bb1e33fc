import { mkdirSync, readdirSync, readFileSync, renameSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { RACY_MS } from '../core/racy.js';
import { bootId } from './answer.js';
import { envOf, type Guard, HINT_VERSION, type Hint, hintedFolder, hintFile, type Said } from './hint.js';

/** All that an answer hung on, by absolute path. */
export interface Grounds {
  readonly epoch: { readonly path: string; readonly text: string };
  /** When the first look began, by the clock that files are dated with. */
  readonly begun: number;
  /** Read whole: the workflow, the config. */
  readonly texts: readonly string[];
  readonly absent: readonly string[];
  /** Path and digest of contents. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Single files whose size and times counted. */
  readonly files: readonly string[];
  /** Folders in which everything counted. */
  readonly trees: readonly string[];
  /** Folders in which names were matched, and whether in those below as well: only which names there are counted. */
  readonly searched: ReadonlyMap<string, boolean>;
  readonly until?: number | undefined;
}

export interface Asked {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** More is not worth a hint: checking it takes as long as the long way. */
const MOST = 200_000;

/** Leaves a hint for who asks the same in the same words, unless anything about it is not sure. Best effort. */
export function leaveHint({ argv, cwd, env }: Asked, grounds: Grounds, said: Said): boolean {
  const folder = hintedFolder(argv, env);
  const settings = envOf(env);
  if (folder === undefined || settings === undefined) return false;
  try {
    const gathering = new Gathering(cwd, grounds.begun - RACY_MS);
    for (const tree of grounds.trees) gathering.tree(tree, { files: true, below: true });
    for (const [tree, below] of grounds.searched) gathering.tree(tree, { files: false, below });
    for (const file of grounds.files) gathering.file(file);
    const inputs: Hint['inputs'][number][] = [];
    for (const [path, digest] of grounds.inputs) inputs.push([...gathering.guard(path), digest]);
    const hint: Hint = {
      v: HINT_VERSION,
      build: __BUILD__,
      argv,
      cwd,
      env: settings,
      boot: bootId(),
      epoch: [relative(cwd, grounds.epoch.path), grounds.epoch.text],
      texts: grounds.texts.map((path) => [relative(cwd, path), gathering.text(path)]),
      absent: grounds.absent.map((path) => relative(cwd, path)),
      files: [...gathering.files.values()],
      inputs,
      folders: [...gathering.folders.values()],
      ...(grounds.until === undefined ? {} : { until: grounds.until }),
      said,
    };
    const path = resolve(cwd, hintFile(folder, argv, cwd));
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(hint));
    renameSync(temporary, path);
    return true;
  } catch {
    return false;
  }
}

/** Thrown, and caught by the one who gathers: there is something that no hint can stand on. */
class Unsure extends Error {}

class Gathering {
  readonly files = new Map<string, Guard>();
  readonly folders = new Map<string, Guard>();
  readonly #cwd: string;
  readonly #old: number;

  constructor(cwd: string, old: number) {
    this.#cwd = cwd;
    this.#old = old;
  }

  file(path: string): void {
    if (!this.files.has(path)) this.files.set(path, this.guard(path));
  }

  tree(path: string, counting: { readonly files: boolean; readonly below: boolean }): void {
    this.folders.set(path, this.guard(path));
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      // Ours, and no part of anything: this hint will lie in it.
      if (entry.name === '.stepaside') continue;
      // Where a link leads to may change without a word from the folder it stands in.
      if (entry.isSymbolicLink()) throw new Unsure();
      const inner = join(path, entry.name);
      if (entry.isDirectory() && counting.below) this.tree(inner, counting);
      else if (!entry.isDirectory() && counting.files) this.file(inner);
      if (this.files.size + this.folders.size > MOST) throw new Unsure();
    }
  }

  guard(path: string): Guard {
    const stats = this.#settled(path);
    return [relative(this.#cwd, path), stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino];
  }

  text(path: string): string {
    this.#settled(path);
    return readFileSync(path, 'utf8');
  }

  #settled(path: string): Stats {
    const stats = statSync(path);
    if (Math.max(stats.mtimeMs, stats.ctimeMs) >= this.#old || stats.ino > Number.MAX_SAFE_INTEGER) throw new Unsure();
    return stats;
  }
}

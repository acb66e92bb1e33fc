import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { StoreError } from '../core/error.js';
import { OUR_MARKER } from '../core/marker.js';
import { TEMPORARY } from '../core/parts.js';
import { TRASH } from './litter.js';

const fsync = promisify(fs.fsync);

/**
 * A folder of our own beside the target, on its file system: what is built in it gets its name by a rename. A link by the
 * target's name stands for what it leads to. Few names, changed one after the other: where a workflow has a thousand small
 * outputs, the way to the thread pool and back for each of them is most of what it costs.
 */
export class Beside {
  readonly target: string;
  /** The file system that all of it lies on. */
  readonly folder: string;
  #own: string;
  /** What was replaced lies there alone, since it could be neither put back nor put away. */
  #isStranded = false;

  constructor(path: string) {
    this.target = realTarget(resolve(path));
    // A mount cannot be renamed, and whoever sits in a folder that was would sit in the old one: there it takes place inside.
    this.folder = isMount(this.target) || isHere(this.target) ? this.target : dirname(this.target);
    this.#own = join(this.folder, `${TEMPORARY}${process.pid}-${randomBytes(8).toString('hex')}`);
    fs.mkdirSync(this.#own, { mode: 0o700 });
  }

  /** What is built. Not there yet. */
  get built(): string {
    return join(this.#own, 'new');
  }

  /** What was replaced. */
  get #old(): string {
    return join(this.#own, 'old');
  }

  /**
   * The built for the old: at any moment the target is the old, nothing (or a part of either, inside of it), or the new. The
   * old goes to the trash, until gc, or away.
   */
  async swap({ keepOld }: { readonly keepOld: boolean }): Promise<void> {
    const moves = this.folder === this.target ? await this.#movesInside() : this.#moves();
    const made: (readonly [from: string, to: string])[] = [];
    try {
      for (const [from, to] of moves) {
        fs.renameSync(from, to);
        made.push([from, to]);
      }
    } catch (error) {
      if (takenBack(made)) throw error;
      throw this.#stranded('could not be replaced, nor put back', error);
    }
    try {
      await syncFolder(this.folder);
      if (keepOld) await this.#trash();
    } catch (error) {
      if (!fs.existsSync(this.#old)) throw error;
      throw this.#stranded('was replaced, but it may not be on the disk, or what it was could not be put away', error);
    }
  }

  #moves(): (readonly [from: string, to: string])[] {
    const isThere = fs.lstatSync(this.target, { throwIfNoEntry: false }) !== undefined;
    return [...(isThere ? [[this.target, this.#old] as const] : []), [this.built, this.target]];
  }

  async #movesInside(): Promise<(readonly [from: string, to: string])[]> {
    fs.mkdirSync(this.#old);
    const [before, after] = await Promise.all([readdir(this.target), readdir(this.built)]);
    return [
      ...before
        .filter((name) => !name.startsWith(TEMPORARY))
        // First of all: what it says of the old must not be read above a part of the new.
        .sort((a, b) => Number(b === OUR_MARKER) - Number(a === OUR_MARKER))
        .map((name) => [join(this.target, name), join(this.#old, name)] as const),
      ...after.map((name) => [join(this.built, name), join(this.target, name)] as const),
    ];
  }

  async #trash(): Promise<void> {
    if (!fs.existsSync(this.#old)) return;
    const trash = join(this.folder, TRASH);
    await mkdir(trash, { recursive: true });
    await rename(this.#old, join(trash, `${Date.now()}-${process.pid}-${Math.random().toString(36).slice(2)}`));
  }

  /** Under a name that gc does not take for what the dead left. */
  #stranded(what: string, cause: unknown): StoreError {
    this.#isStranded = true;
    const kept = join(this.folder, `${TEMPORARY}old-${randomBytes(8).toString('hex')}`);
    try {
      fs.renameSync(this.#own, kept);
      this.#own = kept;
    } catch {
      // Then it keeps the name it has.
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `${this.target} ${what} (${why}): what was there lies in ${this.#old}`;
    return new StoreError(
      'store/unavailable',
      message,
      { store: this.target },
      { hint: 'move it where you want it', cause },
    );
  }

  /** Most often nothing is left in it. What cannot be removed costs room until gc, and never what was done. */
  async remove(): Promise<void> {
    const left = this.#isStranded ? this.built : this.#own;
    try {
      fs.rmdirSync(left);
    } catch {
      await rm(left, { recursive: true, force: true }).catch(() => {});
    }
  }
}

/** False where some of it could not be. */
function takenBack(made: readonly (readonly [from: string, to: string])[]): boolean {
  let isBack = true;
  for (const [from, to] of [...made].reverse()) {
    try {
      fs.renameSync(to, from);
    } catch {
      isBack = false;
    }
  }
  return isBack;
}

function realTarget(wanted: string): string {
  if (fs.existsSync(wanted)) return fs.realpathSync(wanted);
  fs.mkdirSync(dirname(wanted), { recursive: true });
  return join(fs.realpathSync(dirname(wanted)), basename(wanted));
}

function isMount(path: string): boolean {
  const [here, above] = [fs.lstatSync(path, { throwIfNoEntry: false }), fs.lstatSync(dirname(path))];
  return here?.isDirectory() === true && (here.dev !== above.dev || here.ino === above.ino);
}

/** Whether it is the folder that we were started in. */
function isHere(path: string): boolean {
  try {
    return path === fs.realpathSync(process.cwd());
  } catch {
    return false; // removed under our feet
  }
}

/** A name is on the disk only after this. */
export async function syncFolder(path: string): Promise<void> {
  const folder = fs.openSync(path, 'r');
  try {
    await fsync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

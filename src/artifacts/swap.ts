import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { StoreError } from '../core/error.js';
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
  /** What is built. Not there yet. */
  readonly built: string;
  readonly #folder: string;
  readonly #own: string;
  /** What was replaced. */
  readonly #old: string;
  /** It could not be put back, and lies in #old alone. */
  #isStranded = false;

  constructor(path: string) {
    this.target = realTarget(resolve(path));
    // A mount cannot be renamed, and a shell in a folder that was would sit in the old one: there all of it takes place inside.
    this.#folder = isMount(this.target) || holdsUs(this.target) ? this.target : dirname(this.target);
    this.#own = join(this.#folder, `${TEMPORARY}${process.pid}-${randomBytes(8).toString('hex')}`);
    fs.mkdirSync(this.#own, { mode: 0o700 });
    this.built = join(this.#own, 'new');
    this.#old = join(this.#own, 'old');
  }

  /** The file system that all of it lies on. */
  get folder(): string {
    return this.#folder;
  }

  /** The built for the old: at any moment the target is the old, nothing (or a part of either, inside of it), or the new. */
  async swap(): Promise<void> {
    const moves = this.#folder === this.target ? await this.#movesInside() : this.#moves();
    const made: (readonly [from: string, to: string])[] = [];
    try {
      for (const [from, to] of moves) {
        fs.renameSync(from, to);
        made.push([from, to]);
      }
    } catch (error) {
      for (const [from, to] of made.reverse()) {
        try {
          fs.renameSync(to, from);
        } catch {
          this.#isStranded = true;
        }
      }
      if (!this.#isStranded) throw error;
      const message = `${this.target} could not be replaced, nor put back: what was there lies in ${this.#old}`;
      throw new StoreError('store/unavailable', message, { store: this.target }, { cause: error });
    }
    await syncFolder(this.#folder);
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
        .map((name) => [join(this.target, name), join(this.#old, name)] as const),
      ...after.map((name) => [join(this.built, name), join(this.target, name)] as const),
    ];
  }

  /** What was replaced goes to the trash, until gc. */
  async keepOld(): Promise<void> {
    if (!fs.existsSync(this.#old)) return;
    const trash = join(this.#folder, TRASH);
    await mkdir(trash, { recursive: true });
    await rename(this.#old, join(trash, `${Date.now()}-${process.pid}-${Math.random().toString(36).slice(2)}`));
  }

  /** Most often nothing is left in it. */
  async remove(): Promise<void> {
    if (this.#isStranded) return rm(this.built, { recursive: true, force: true });
    try {
      fs.rmdirSync(this.#own);
    } catch {
      await rm(this.#own, { recursive: true, force: true });
    }
  }
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

/** Whether the folder that we were started in is this one, or lies in it. */
function holdsUs(path: string): boolean {
  let here: string;
  try {
    here = fs.realpathSync(process.cwd());
  } catch {
    return false; // removed under our feet
  }
  const way = relative(path, here);
  return way === '' || !(way === '..' || way.startsWith('../'));
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

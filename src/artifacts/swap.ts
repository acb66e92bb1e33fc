import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { TEMPORARY } from '../core/parts.js';

const fsync = promisify(fs.fsync);

/** A folder of our own beside the target, on its file system: what is built in it gets its name by a rename. */
export interface Beside {
  readonly target: string;
  /** What is built. Not there yet. */
  readonly built: string;
  /** What was replaced. */
  readonly old: string;
  remove(): Promise<void>;
}

/**
 * A link by the target's name stands for what it leads to. A few names, changed one after the other: where a workflow has
 * a thousand small outputs, the way to the thread pool and back for each of them is most of what it costs.
 */
export function beside(path: string): Beside {
  const target = realTarget(resolve(path));
  // A mount cannot be renamed, nor anything moved into it from outside: there all of it takes place inside.
  const folder = isMount(target) ? target : dirname(target);
  const own = join(folder, `${TEMPORARY}${process.pid}-${randomBytes(8).toString('hex')}`);
  fs.mkdirSync(own, { mode: 0o700 });
  return { target, built: join(own, 'new'), old: join(own, 'old'), remove: () => removeOwn(own) };
}

function realTarget(wanted: string): string {
  if (fs.existsSync(wanted)) return fs.realpathSync(wanted);
  fs.mkdirSync(dirname(wanted), { recursive: true });
  return join(fs.realpathSync(dirname(wanted)), basename(wanted));
}

/** Most often nothing is left in it. */
async function removeOwn(own: string): Promise<void> {
  try {
    fs.rmdirSync(own);
  } catch {
    await rm(own, { recursive: true, force: true });
  }
}

function isMount(path: string): boolean {
  const [here, above] = [fs.lstatSync(path, { throwIfNoEntry: false }), fs.lstatSync(dirname(path))];
  return here?.isDirectory() === true && (here.dev !== above.dev || here.ino === above.ino);
}

/** The built for the old, by two renames: at any moment the target is the old, nothing, or the new. */
export async function swap({ target, built, old }: Beside): Promise<void> {
  if (dirname(dirname(built)) === target) return swapInside(target, built, old);
  const replaced = fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  if (replaced) fs.renameSync(target, old);
  try {
    fs.renameSync(built, target);
  } catch (error) {
    if (replaced) await rename(old, target).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(target));
}

/** File by file, where the target is the root of a mount. */
async function swapInside(target: string, built: string, old: string): Promise<void> {
  const own = basename(dirname(built));
  fs.mkdirSync(old, { recursive: true });
  for (const name of await readdir(target)) if (name !== own) await rename(join(target, name), join(old, name));
  for (const name of await readdir(built)) await rename(join(built, name), join(target, name));
  await syncFolder(target);
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

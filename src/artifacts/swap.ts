import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TEMPORARY } from '../core/parts.js';

/** A folder of our own beside the target, on its file system: what is built in it gets its name by a rename. */
export interface Beside {
  readonly target: string;
  /** What is built. Not there yet. */
  readonly built: string;
  /** What was replaced. */
  readonly old: string;
  remove(): Promise<void>;
}

/** A link by the target's name stands for what it leads to. */
export async function beside(path: string): Promise<Beside> {
  const wanted = resolve(path);
  const target = await realpath(wanted).catch(async () => {
    await mkdir(dirname(wanted), { recursive: true });
    return join(await realpath(dirname(wanted)), basename(wanted));
  });
  const make = async (folder: string) => {
    const own = join(folder, `${TEMPORARY}${process.pid}-${randomBytes(8).toString('hex')}`);
    await mkdir(own, { mode: 0o700 });
    return own;
  };
  // A mount cannot be renamed, nor anything moved into it from outside: there all of it takes place inside.
  const own = await make(isMount(target) ? target : dirname(target));
  return {
    target,
    built: join(own, 'new'),
    old: join(own, 'old'),
    remove: () => rm(own, { recursive: true, force: true }),
  };
}

function isMount(path: string): boolean {
  const [here, above] = [fs.lstatSync(path, { throwIfNoEntry: false }), fs.lstatSync(dirname(path))];
  return here?.isDirectory() === true && (here.dev !== above.dev || here.ino === above.ino);
}

/** The built for the old, by two renames: at any moment the target is the old, nothing, or the new. */
export async function swap({ target, built, old }: Beside): Promise<void> {
  if (dirname(dirname(built)) === target) return swapInside(target, built, old);
  const replaced = fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  if (replaced) await rename(target, old);
  try {
    await rename(built, target);
  } catch (error) {
    if (replaced) await rename(old, target).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(target));
}

/** File by file, where the target is the root of a mount. */
async function swapInside(target: string, built: string, old: string): Promise<void> {
  const own = basename(dirname(built));
  await mkdir(old, { recursive: true });
  for (const name of await readdir(target)) if (name !== own) await rename(join(target, name), join(old, name));
  for (const name of await readdir(built)) await rename(join(built, name), join(target, name));
  await syncFolder(target);
}

/** A name is on the disk only after this. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

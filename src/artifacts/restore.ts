import fs from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../core/brand.js';
import { IntegrityError, StoreError } from '../core/error.js';
import { entriesOf, readArtifact } from './artifact.js';
import type { Blobs } from './blobs.js';
import { type Building, buildFile, TreeBuilder } from './build.js';
import { compareTree, isRight } from './compare.js';
import type { Entry } from './entry.js';
import { fileTrouble } from './file-trouble.js';
import { bytesOf, type FileRoot, type Root, type TreeRoot } from './root.js';
import { type Beside, beside, swap, syncFolder } from './swap.js';
import { newTally, type Tally } from './tally.js';

export interface RestoreOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tally?: Tally | undefined;
  /** Links are made only if asked for; else an artifact that holds some is refused. */
  readonly links?: 'refuse' | 'keep' | undefined;
  /** Only these paths of a tree. The target then holds these and nothing else. */
  readonly only?: ((path: string) => boolean) | undefined;
  /** Files of one chunk become read-only links into a store on the same file system: whoever writes to one damages both. */
  readonly hardLinks?: boolean | undefined;
  /** What was replaced is kept below this folder, which is on the target's file system; else it is removed. */
  readonly trash?: string | undefined;
}

export interface Restored {
  readonly root: Root;
  /** `kept`: all was there and right. `filled`: what was missing was added. `replaced`: all of it is new. */
  readonly how: 'kept' | 'filled' | 'replaced';
  readonly tally: Tally;
}

/** The artifact at `target`, every byte verified, or an error and the target as it was. */
export function restore(blobs: Blobs, digest: Digest, target: string, options: RestoreOptions = {}): Promise<Restored> {
  return restored(blobs, digest, target, options).catch(fileTrouble);
}

async function restored(blobs: Blobs, digest: Digest, target: string, options: RestoreOptions): Promise<Restored> {
  const { tally = newTally(), signal } = options;
  signal?.throwIfAborted();
  const root = await readArtifact(blobs, digest);
  if (root.kind === 'tree' && root.links > 0 && options.links !== 'keep')
    throw new IntegrityError('integrity/list', `${digest} holds ${root.links} symbolic links`, {
      hint: 'they are restored only with links: keep (--links)',
    });
  tally.totalBytes = bytesOf(root);
  const done = (how: Restored['how']): Restored => ({ root, how, tally });
  const there = await compare(blobs, root, target, options);
  if (there.is === 'same') return done('kept');
  const place = beside(target);
  try {
    checkRoom(root, place, options);
    const about: Building = { tally, hardLinks: options.hardLinks, durable: root.kind === 'file' };
    if (root.kind === 'file') await buildFile(blobs, place.built, root, about);
    else await buildTree(blobs, root, place.built, about, options, there.is === 'short' ? there.missing : undefined);
    signal?.throwIfAborted();
    if (there.is === 'short') await fill(place, there.missing);
    else await swap(place);
    if (options.trash !== undefined && fs.existsSync(place.old)) await keepOld(place, options.trash);
  } finally {
    await place.remove();
  }
  return done(there.is === 'short' ? 'filled' : 'replaced');
}

async function compare(blobs: Blobs, root: Root, target: string, { only }: RestoreOptions) {
  const stats = fs.statSync(target, { throwIfNoEntry: false });
  if (only !== undefined || stats === undefined) return { is: 'other' } as const;
  if (root.kind === 'tree') return stats.isDirectory() ? compareTree(blobs, root, target) : ({ is: 'other' } as const);
  const right = stats.isFile() && (await isRight(blobs.hash, fs.realpathSync(target), fileEntry(root)));
  return { is: right ? 'same' : 'other' } as const;
}

const fileEntry = ({ mode, content }: FileRoot): Entry => ({ kind: 'file', path: '', mode, content });

/** What a list declares is asked for before it is unpacked: a disk is not filled to find out that it is too small. */
function checkRoom(root: Root, { built }: Beside, { only }: RestoreOptions): void {
  if (only !== undefined) return;
  const { bavail, bsize } = fs.statfsSync(dirname(built));
  const needed = bytesOf(root);
  if (needed <= bavail * bsize) return;
  const message = `${dirname(dirname(built))} has room for ${bavail * bsize} bytes, and the artifact has ${needed}`;
  throw new StoreError('store/too-large', message, { store: dirname(dirname(built)) });
}

async function buildTree(
  blobs: Blobs,
  root: TreeRoot,
  folder: string,
  about: Building,
  { only, signal, links }: RestoreOptions,
  missing: ReadonlySet<string> | undefined,
): Promise<void> {
  await mkdir(folder);
  const builder = new TreeBuilder(blobs, folder, about);
  try {
    for await (const entries of entriesOf(blobs, root)) {
      signal?.throwIfAborted();
      for (const entry of entries) {
        if (entry.kind === 'link' && links !== 'keep') continue;
        if (only !== undefined && !only(entry.path)) continue;
        if (missing !== undefined && !missing.has(entry.path)) continue;
        await builder.add(entry);
      }
    }
    await builder.done();
  } finally {
    await builder.abandon();
  }
}

/** What was missing, one by one: a tree that is short stays short until the last is there. */
async function fill({ target, built }: Beside, missing: ReadonlySet<string>): Promise<void> {
  const folders = new Set<string>();
  for (const path of missing) {
    const folder = dirname(join(target, path));
    if (!folders.has(folder)) await mkdir(folder, { recursive: true });
    folders.add(folder);
    await rename(join(built, path), join(target, path));
  }
  for (const folder of folders) await syncFolder(folder);
}

async function keepOld({ old }: Beside, trash: string): Promise<void> {
  await mkdir(trash, { recursive: true });
  await rename(old, join(trash, `${Date.now()}-${process.pid}-${Math.random().toString(36).slice(2)}`));
}

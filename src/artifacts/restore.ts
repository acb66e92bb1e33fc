import fs from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Digest } from '../core/brand.js';
import { IntegrityError, StoreError, type StoreFacts } from '../core/error.js';
import { entriesOf, readArtifact } from './artifact.js';
import type { Blobs } from './blobs.js';
import { type Building, buildFile, TreeBuilder } from './build.js';
import { type Comparison, comparePaths, compareTree, isRight, strangerIn } from './compare.js';
import type { Entry } from './entry.js';
import { fileTrouble } from './file-trouble.js';
import { fill } from './fill.js';
import { type Extent, extentOf, type FileRoot, type Root, type TreeRoot } from './root.js';
import { Beside } from './swap.js';
import { newTally, type Tally } from './tally.js';

export interface RestoreOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tally?: Tally | undefined;
  /** Links are made only if asked for; else an artifact that holds some is refused. */
  readonly links?: 'refuse' | 'keep' | undefined;
  /** Only these paths of a tree: whatever else lies at the target stays as it is. */
  readonly only?: ((path: string) => boolean) | undefined;
  /** What lies there and is no part of it goes; else nothing is touched where there is such a thing. */
  readonly replace?: boolean | undefined;
  /** Files of one chunk become read-only links into a store on the same file system: whoever writes to one damages both. */
  readonly hardLinks?: boolean | undefined;
  /** What was replaced is kept in a trash folder beside the target (in it, where it is a mount) until gc; else it is removed. */
  readonly keepOld?: boolean | undefined;
}

export interface Restored {
  readonly root: Root;
  /** `new`: nothing was there. `kept`: all was there and right. `filled`: what was missing was added. `replaced`: all of it is new. */
  readonly how: 'new' | 'kept' | 'filled' | 'replaced';
  readonly extent: Extent;
  readonly tally: Tally;
}

/** The artifact at `target`, every byte verified, or an error and the target as it was. */
export function restore(blobs: Blobs, digest: Digest, target: string, options: RestoreOptions = {}): Promise<Restored> {
  return restored(blobs, digest, target, options).catch(fileTrouble);
}

async function restored(blobs: Blobs, digest: Digest, target: string, options: RestoreOptions): Promise<Restored> {
  const { tally = newTally(), signal, only } = options;
  signal?.throwIfAborted();
  const root = await readArtifact(blobs, digest);
  if (root.kind === 'tree' && root.links > 0 && options.links !== 'keep')
    throw new IntegrityError('integrity/list', `${digest} holds ${root.links} symbolic links`, {
      hint: 'they are restored only with links: keep (--links)',
    });
  const extent = await wantedOf(blobs, root, only);
  tally.totalBytes = extent.bytes;
  const done = (how: Restored['how']): Restored => ({ root, how, extent, tally });
  const wasThere = isThere(target);
  const there = await compare(blobs, root, target, only);
  if (there.is === 'short') tally.totalBytes = there.bytes;
  if (there.is === 'same' || (only !== undefined && extent.entries === 0)) return done('kept');
  /** What may not be removed is asked for before anything is built, which takes long, and once more before it would go. */
  const refuseStrangers = async () => {
    if (there.is !== 'other' || options.replace || !isThere(target)) return;
    if (!wasThere)
      throw new StoreError('store/conflict', `${target} has come to be there meanwhile`, { store: target });
    const stranger = await strangerIn(blobs, root, target);
    if (stranger !== undefined) throw inTheWay({ store: stranger }, digest, root);
  };
  await refuseStrangers();
  const place = new Beside(target);
  try {
    checkRoom(there.is === 'short' ? there.bytes : extent.bytes, place);
    const about: Building = { tally, signal, hardLinks: options.hardLinks, durable: root.kind === 'file' };
    if (root.kind === 'file') await buildFile(blobs, place.built, root, about);
    else await buildTree(blobs, root, place.built, about, options, there.is === 'short' ? there.missing : undefined);
    signal?.throwIfAborted();
    if (there.is === 'short') await fill(place, there.missing, { over: only !== undefined });
    else {
      await refuseStrangers();
      await place.swap({ keepOld: options.keepOld === true });
    }
  } finally {
    await place.remove();
  }
  return done(there.is === 'short' ? 'filled' : wasThere ? 'replaced' : 'new');
}

/** A link that leads nowhere is neither: what it leads to may be a disk that is not here right now. */
function isThere(target: string): boolean {
  if (fs.existsSync(target)) return true;
  if (fs.lstatSync(target, { throwIfNoEntry: false }) === undefined) return false;
  throw new StoreError(
    'store/conflict',
    `${target} is a link that leads nowhere`,
    { store: target },
    { hint: 'bring back what it leads to, or remove it' },
  );
}

export function inTheWay(facts: StoreFacts, digest: Digest, root: Root): StoreError {
  const path = facts.key === undefined ? facts.store : `${facts.store}/${facts.key}`;
  const isFolder = root.kind === 'file';
  return new StoreError(
    'store/conflict',
    isFolder ? `${path} is a folder, and ${digest} a file` : `${path} is no part of ${digest}: it would have to go`,
    facts,
    { hint: isFolder ? 'name the file: the folder, a slash, its name' : 'name another place, or let it go: --replace' },
  );
}

/** Of what was asked for. */
export async function wantedOf(blobs: Blobs, root: Root, only: RestoreOptions['only']): Promise<Extent> {
  if (only === undefined) return extentOf(root);
  let [entries, files, bytes] = [0, 0, 0];
  for await (const page of entriesOf(blobs, root))
    for (const entry of page) {
      if (!only(entry.path)) continue;
      entries += 1;
      if (entry.kind !== 'file') continue;
      files += 1;
      bytes += entry.content.size;
    }
  return { entries, files, bytes };
}

async function compare(blobs: Blobs, root: Root, target: string, only: RestoreOptions['only']): Promise<Comparison> {
  const stats = fs.statSync(target, { throwIfNoEntry: false });
  if (stats === undefined) return { is: 'other' };
  if (root.kind === 'tree') {
    if (!stats.isDirectory()) {
      if (only === undefined) return { is: 'other' };
      throw new StoreError('store/conflict', `${target} is no folder`, { store: target }, { hint: 'name a folder' });
    }
    return only === undefined ? compareTree(blobs, root, target) : comparePaths(blobs, root, target, only);
  }
  const right = stats.isFile() && (await isRight(blobs.hash, fs.realpathSync(target), fileEntry(root)));
  return { is: right ? 'same' : 'other' };
}

const fileEntry = ({ mode, content }: FileRoot): Entry => ({ kind: 'file', path: '', mode, content });

/** What a list declares is asked for before it is unpacked: a disk is not filled to find out that it is too small. */
function checkRoom(bytes: number, { folder }: Beside): void {
  const { bavail, bsize } = fs.statfsSync(folder);
  if (bytes <= bavail * bsize) return;
  const message = `${folder} has room for ${bavail * bsize} bytes, and ${bytes} are to be written`;
  throw new StoreError('store/too-large', message, { store: folder });
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

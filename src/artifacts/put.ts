import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { BlobWriter } from './blob-writer.js';
import type { Blobs } from './blobs.js';
import { pathFault, targetFault } from './entry.js';
import { fileTrouble } from './file-trouble.js';
import { artifactKey } from './layout.js';
import { type ByteSource, type PutContext, putContent } from './put-content.js';
import { putKnown, withStats } from './put-known.js';
import { changed } from './refuse.js';
import { type Root, writeRoot } from './root.js';
import type { StatIndex } from './stat-index.js';
import { Stamps, stampOf } from './steady.js';
import { newTally, type Tally } from './tally.js';
import { TreeListWriter } from './tree-list.js';
import { beginUpload } from './truce.js';
import { type Walked, walkFolder } from './walk-folder.js';

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  /** Grows while the put goes on. */
  readonly tally?: Tally | undefined;
  /** A folder for what was read and when, of files on a disk of this machine; without it all is read. */
  readonly statsIn?: string | undefined;
  /** All is read, whatever was noted: that only spares hashing it twice. */
  readonly strict?: boolean | undefined;
}

export interface PutTreeOptions extends PutOptions {
  /** Relative to the tree: excluded, as our own markers and temporary files are. */
  readonly marker?: string | undefined;
  /** `refuse` (default), or `keep` those that lead to something in the tree. */
  readonly links?: 'refuse' | 'keep' | undefined;
}

export interface Artifact {
  readonly digest: Digest;
  readonly root: Root;
  readonly tally: Tally;
}

/** A file. Reading takes place once, and only what the store lacks is written. */
export function putFileArtifact(blobs: Blobs, path: string, options: PutOptions = {}): Promise<Artifact> {
  return withStats(blobs, path, options.statsIn, (index) =>
    put(blobs, options, async (context) => {
      context.tally.totalBytes = statSync(path).size;
      const { content, mode } = await putKnown(
        context,
        { path: '', full: path, follow: true },
        { index, strict: options.strict },
      );
      return { kind: 'file', mode, content };
    }),
  );
}

/** A value, or whatever comes as a stream. */
export function putStream(
  blobs: Blobs,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: PutOptions = {},
): Promise<Artifact> {
  return put(blobs, options, async (context) => {
    const content = await putContent(context, streamed(pieces, options.signal));
    context.tally.files += 1;
    return { kind: 'file', mode: 0o644, content };
  });
}

/** A folder and all that is in it, if it holds still. */
export function putTree(blobs: Blobs, folder: string, options: PutTreeOptions = {}): Promise<Artifact> {
  return withStats(blobs, folder, options.statsIn, (index) =>
    put(blobs, options, (context) => readTree(context, folder, options, index)),
  );
}

async function readTree(
  context: PutContext,
  folder: string,
  options: PutTreeOptions,
  index: StatIndex | undefined,
): Promise<Root> {
  if (!statSync(folder).isDirectory()) throw new IntegrityError('integrity/list', `${folder} is no folder`);
  const list = new TreeListWriter((page) => context.blobs.put(page));
  const stamps = new Stamps(context.hash);
  let breathed = performance.now();
  for (const walked of walkFolder(folder, options.marker)) {
    const { path } = walked;
    const why = pathFault(path);
    if (why !== undefined)
      throw new IntegrityError('integrity/list', `${folder}: ${JSON.stringify(path)} cannot be kept: ${why}`);
    const full = `${folder}/${path}`;
    let isFull: boolean;
    if (walked.kind === 'file') {
      const { content, mode, stats } = await putKnown(context, { path, full }, { index, strict: options.strict });
      stamps.add(stampOf(path, stats));
      isFull = list.add({ kind: 'file', path, mode, content });
    } else {
      stamps.add(stampOf(path, lstatSync(full, { bigint: true })));
      isFull = list.add(walked.kind === 'folder' ? { kind: 'folder', path } : linkOf(walked, full, options));
    }
    if (isFull) await list.turn();
    // Between small files nothing is awaited: others, and whoever wants to stop us, get a turn here.
    if (performance.now() - breathed > 10) {
      await setImmediate();
      options.signal?.throwIfAborted();
      breathed = performance.now();
    }
  }
  const root = await list.done();
  if (stamps.digest() !== (await stampsOf(context, folder, options.marker))) throw changed(folder);
  return root;
}

function linkOf({ kind, path }: Walked, full: string, { links }: PutTreeOptions) {
  if (kind !== 'link')
    throw new IntegrityError('integrity/list', `${full} is neither file, folder nor link: it cannot be kept`);
  if (links !== 'keep')
    throw new IntegrityError('integrity/list', `${full} is a symbolic link`, {
      hint: 'links that stay in the tree can be kept: links: keep (--links)',
    });
  const target = readlinkSync(full);
  const why = targetFault(path, target);
  if (why !== undefined)
    throw new IntegrityError('integrity/list', `${full} -> ${JSON.stringify(target)} cannot be kept: ${why}`);
  return { kind: 'link', path, target } as const;
}

/** The same files, untouched, when all was read: a tree of which parts were read at different times is none. */
async function stampsOf({ hash }: PutContext, folder: string, marker: string | undefined): Promise<Digest> {
  const stamps = new Stamps(hash);
  let count = 0;
  for (const { path } of walkFolder(folder, marker)) {
    const stats = lstatSync(`${folder}/${path}`, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) throw changed(`${folder}/${path}`);
    stamps.add(stampOf(path, stats));
    if (++count % 1000 === 0) await setImmediate();
  }
  return stamps.digest();
}

export function streamed(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal | undefined,
): ByteSource {
  const from = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  let rest: Uint8Array = new Uint8Array();
  return {
    async read(into) {
      let filled = 0;
      while (filled < into.byteLength) {
        if (rest.byteLength === 0) {
          signal?.throwIfAborted();
          const { done, value } = await from.next();
          if (done) break;
          rest = value;
          continue;
        }
        const some = rest.subarray(0, into.byteLength - filled);
        into.set(some, filled);
        filled += some.byteLength;
        rest = rest.subarray(some.byteLength);
      }
      return filled;
    },
  };
}

/** Chunks and packs, then indexes, then the root: each durable before what names it. */
export async function put(
  blobs: Blobs,
  { signal, tally = newTally() }: PutOptions,
  act: (context: PutContext) => Promise<Root>,
): Promise<Artifact> {
  signal?.throwIfAborted();
  const { store, hash } = blobs;
  const writer = new BlobWriter(blobs, tally);
  // Whoever cleans up sees that somebody may count on what no root names yet.
  const upload = await beginUpload(store, signal);
  try {
    if (upload.epoch !== blobs.epoch || blobs.isOutdated) await blobs.reload();
    const root = await act({ blobs: writer, hash, tally, signal }).catch(fileTrouble);
    const bytes = writeRoot(root);
    const digest = hash.digest(bytes);
    // biome-ignore format: what names a blob before it is durable is what kills must show
    if (__SABOTAGE__ === 'root-first') await store.write(artifactKey(digest), bytes);
    await writer.finish();
    signal?.throwIfAborted();
    await upload.confirm();
    // Also where it is there already: its new time says that it is wanted again.
    await store.write(artifactKey(digest), bytes);
    // Whoever was stopped just now has named what may be gone: then nobody is told of it.
    upload.assertAlive();
    return { digest, root, tally };
  } finally {
    await writer.abandon();
    await upload.end();
  }
}

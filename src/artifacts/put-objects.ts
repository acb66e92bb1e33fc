import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { isPart } from '../core/parts.js';
import { compareUtf8 } from '../core/utf8.js';
import type { Found, Head, ReadStore } from '../store/store.js';
import type { Blobs } from './blobs.js';
import type { Content } from './content.js';
import { pathFault } from './entry.js';
import { PACKED } from './layout.js';
import { type Artifact, type PutOptions, put, streamed } from './put.js';
import { type PutContext, putContent } from './put-content.js';
import { changed } from './refuse.js';
import { Stamps } from './steady.js';
import { newTally } from './tally.js';
import { TreeListWriter } from './tree-list.js';

/** Objects have no mode. */
const MODE = 0o644;
/** Small objects under way at once: each is a round trip, and a megabyte at most. */
const AHEAD = 16;

/** One object of a store, for example on S3. */
export function putObject(blobs: Blobs, from: ReadStore, key: string, options: PutOptions = {}): Promise<Artifact> {
  return put(blobs, options, async (context) => {
    const head = await from.head(key, options.signal && { signal: options.signal });
    if (head === undefined) throw new IntegrityError('integrity/missing', `${from.name}/${key} is not there`);
    context.tally.totalBytes = head.size;
    return { kind: 'file', mode: MODE, content: await putOne(context, from, head, options.signal) };
  });
}

interface Below extends PutOptions {
  /** Relative to the prefix: excluded, as our own markers are. */
  readonly marker?: string | undefined;
}

/** All that lies below a prefix, if it holds still. Placeholders of folders are empty folders only where nothing is in them. */
export function putObjects(blobs: Blobs, from: ReadStore, prefix: string, options: Below = {}): Promise<Artifact> {
  return put(blobs, options, async (context) => {
    const read = async (heads: () => AsyncIterable<Head>) => {
      const { root, stamps } = await readObjects(context, from, { heads: heads(), prefix, options });
      if ((await stampsOf(context, heads())) !== stamps) throw changed(`${from.name}/${prefix}`);
      return root;
    };
    try {
      return await read(() => inOrder(headsBelow(from, prefix, options)));
    } catch (error) {
      if (!(error instanceof OutOfOrder)) throw error;
      // Directory buckets list as they like: all names are held then, and what was read before is there already.
      Object.assign(context.tally, { ...newTally(), storedBytes: context.tally.storedBytes });
      return await read(() => sorted(headsBelow(from, prefix, options)));
    }
  });
}

interface Listed {
  /** In the order of a tree list. */
  readonly heads: AsyncIterable<Head>;
  readonly prefix: string;
  readonly options: Below;
}

async function readObjects(context: PutContext, from: ReadStore, { heads, prefix, options }: Listed) {
  const list = new TreeListWriter((page) => context.blobs.put(page));
  const stamps = new Stamps(context.hash);
  for await (const batch of batchesOf(heads, AHEAD)) {
    options.signal?.throwIfAborted();
    // In the list's order, with the next ones on their way already.
    const small = batch.map((head) => (head.size <= PACKED ? fetchSmall(from, head) : undefined));
    for (const fetching of small) fetching?.catch(() => {});
    for (const [i, head] of batch.entries()) {
      stamps.add(stampOf(head));
      const path = head.key.slice(prefix.length);
      const bytes = await small[i];
      const content =
        bytes === undefined ? await putOne(context, from, head, options.signal) : await keep(context, bytes);
      if (list.add({ kind: 'file', path, mode: MODE, content })) await list.turn();
    }
  }
  return { root: await list.done(), stamps: stamps.digest() };
}

async function* batchesOf<T>(all: AsyncIterable<T>, size: number): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const one of all) {
    batch.push(one);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* headsBelow(from: ReadStore, prefix: string, { marker, signal }: Below): AsyncGenerator<Head> {
  for await (const head of from.list(prefix, signal && { signal })) {
    const path = head.key.slice(prefix.length);
    // `dt=1/` and `dt=1_$folder$` stand for folders, which objects do not need.
    if (head.size === 0 && (path === '' || path.endsWith('/') || path.endsWith('_$folder$'))) continue;
    if (!isPart(path, marker)) continue;
    const why = pathFault(path);
    if (why !== undefined)
      throw new IntegrityError('integrity/list', `${from.name}/${head.key} cannot be kept: ${why}`);
    yield head;
  }
}

class OutOfOrder extends Error {}

/** As nearly every server lists them; one that does not is found out. */
async function* inOrder(heads: AsyncIterable<Head>): AsyncGenerator<Head> {
  let last: string | undefined;
  for await (const head of heads) {
    if (last !== undefined && compareUtf8(last, head.key) >= 0) throw new OutOfOrder(head.key);
    last = head.key;
    yield head;
  }
}

async function* sorted(heads: AsyncIterable<Head>): AsyncGenerator<Head> {
  const all: Head[] = [];
  for await (const head of heads) all.push(head);
  yield* all.sort((a, b) => compareUtf8(a.key, b.key));
}

const stampOf = ({ key, size, etag, modifiedAt }: Head) => `${key}\0${size} ${etag ?? modifiedAt}\n`;

async function stampsOf({ hash }: PutContext, heads: AsyncIterable<Head>): Promise<Digest> {
  const stamps = new Stamps(hash);
  for await (const head of heads) stamps.add(stampOf(head));
  return stamps.digest();
}

async function fetchSmall(from: ReadStore, head: Head): Promise<Buffer> {
  if (head.size === 0) return Buffer.alloc(0);
  const found = await readListed(from, head);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of found.body) {
    size += piece.byteLength;
    if (size > head.size) break;
    pieces.push(piece);
  }
  if (size !== head.size) throw changed(`${from.name}/${head.key}`);
  return Buffer.concat(pieces);
}

/** The object that was listed, and not one that came or went meanwhile: a record will name it by that tag. */
async function readListed(from: ReadStore, head: Head, signal?: AbortSignal): Promise<Found> {
  const found = await from.read(head.key, signal && { signal });
  if (found === undefined || found.head.etag !== head.etag || found.head.size !== head.size)
    throw changed(`${from.name}/${head.key}`);
  return found;
}

async function keep({ blobs, hash, tally }: PutContext, bytes: Buffer): Promise<Content> {
  tally.files += 1;
  tally.bytes += bytes.byteLength;
  const digest = bytes.byteLength === 0 ? hash.digest(bytes) : await blobs.put(bytes);
  return { size: bytes.byteLength, digest };
}

async function putOne(
  context: PutContext,
  from: ReadStore,
  head: Head,
  signal: AbortSignal | undefined,
): Promise<Content> {
  const found = await readListed(from, head, signal);
  const content = await putContent(context, streamed(found.body, signal));
  if (content.size !== head.size) throw changed(`${from.name}/${head.key}`);
  context.tally.files += 1;
  return content;
}

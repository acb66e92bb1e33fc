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

/** All that lies below a prefix, if it holds still. Placeholders of folders are empty folders only where nothing is in them. */
export function putObjects(
  blobs: Blobs,
  from: ReadStore,
  prefix: string,
  options: PutOptions & { readonly marker?: string | undefined } = {},
): Promise<Artifact> {
  return put(blobs, options, async (context) => {
    const list = new TreeListWriter((page) => context.blobs.put(page));
    const heads = await headsBelow(from, prefix, options);
    const seen = stampsOf(context, heads);
    for (let at = 0; at < heads.length; ) {
      options.signal?.throwIfAborted();
      // In the list's order, with the next ones on their way already.
      const batch = heads.slice(at, at + AHEAD);
      at += batch.length;
      const small = batch.map((head) => (head.size <= PACKED ? fetchSmall(from, head) : undefined));
      for (const fetching of small) fetching?.catch(() => {});
      for (const [i, head] of batch.entries()) {
        const path = head.key.slice(prefix.length);
        const bytes = await small[i];
        const content =
          bytes === undefined ? await putOne(context, from, head, options.signal) : await keep(context, bytes);
        if (list.add({ kind: 'file', path, mode: MODE, content })) await list.turn();
      }
    }
    if (stampsOf(context, await headsBelow(from, prefix, options)) !== seen) throw changed(`${from.name}/${prefix}`);
    return list.done();
  });
}

async function headsBelow(
  from: ReadStore,
  prefix: string,
  { marker, signal }: PutOptions & { readonly marker?: string | undefined },
): Promise<readonly Head[]> {
  const heads: Head[] = [];
  for await (const head of from.list(prefix, signal && { signal })) {
    const path = head.key.slice(prefix.length);
    // `dt=1/` and `dt=1_$folder$` stand for folders, which objects do not need.
    if (head.size === 0 && (path === '' || path.endsWith('/') || path.endsWith('_$folder$'))) continue;
    if (!isPart(path, marker)) continue;
    const why = pathFault(path);
    if (why !== undefined)
      throw new IntegrityError('integrity/list', `${from.name}/${head.key} cannot be kept: ${why}`);
    heads.push(head);
  }
  return heads.sort((a, b) => compareUtf8(a.key, b.key));
}

function stampsOf({ hash }: PutContext, heads: readonly Head[]): Digest {
  const stamps = hash.stream();
  for (const { key, size, etag, modifiedAt } of heads)
    stamps.update(Buffer.from(`${key}\0${size} ${etag ?? modifiedAt}\n`));
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

import type { BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/brand.js';
import { StoreError } from '../core/error.js';
import { isTree, parseLocation } from '../core/location.js';
import { contentIdentity, isPart, isPlaceholder, isSameVersion, type Part } from '../core/parts.js';
import type { Doubt } from '../core/sighting.js';
import { compareUtf8 } from '../core/utf8.js';
import type { Blake3 } from '../hash.js';
import { Turns } from '../store/turns.js';
import { doubtOf } from './doubt.js';
import type { FileVersion, KnownDigests } from './known-digests.js';
import { listed } from './listed.js';
import { partOf } from './look.js';
import type { Place, Places } from './places.js';

export type Fingerprint<T> =
  | { readonly seen: 'there'; readonly value: T }
  /** An input that matches nothing is never an empty component. */
  | { readonly seen: 'missing'; readonly what: string }
  | { readonly seen: 'doubt'; readonly doubt: Doubt };

/** What inputs are read with. */
export interface Reading {
  readonly places: Places;
  readonly hash: Blake3;
  readonly known?: KnownDigests | undefined;
}

/** Files by content: every pattern must match something. Names are relative to `folder`, as the patterns are. */
export async function fingerprintFiles(
  patterns: readonly string[],
  { folder, ...reading }: Reading & { readonly folder: string },
): Promise<Fingerprint<ReadonlyMap<string, Digest>>> {
  if (patterns.length === 0) return { seen: 'there', value: new Map() };
  const { default: fastGlob } = await import('fast-glob');
  const ignore = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const names = new Set<string>();
  try {
    for (const pattern of patterns.filter((p) => !p.startsWith('!'))) {
      const found = await fastGlob.glob(pattern, { cwd: folder, ignore, onlyFiles: true, suppressErrors: false });
      if (found.length === 0) return { seen: 'missing', what: pattern };
      for (const name of found) names.add(name);
    }
    const digests = new Map<string, Digest>();
    for (const name of [...names].sort(compareUtf8)) digests.set(name, await hashFile(join(folder, name), reading));
    return { seen: 'there', value: digests };
  } catch (error) {
    return { seen: 'doubt', doubt: fileDoubt(error) };
  }
}

/** Read in pieces, and few at a time: inputs much larger than memory must not raise it, however many steps ask. */
const PIECE = 256 * 1024;
const READERS = new Turns(16);

function hashFile(path: string, { places, hash, known }: Reading): Promise<Digest> {
  return READERS.hold(async () => {
    const file = await open(path);
    try {
      const begun = Date.now();
      const at = versionOf(await file.stat({ bigint: true }));
      const before = known?.find(path, at);
      if (before !== undefined) return before;
      // What is no larger than its size says is read by one call, and another that finds its end.
      const { size } = at;
      const buffer = Buffer.allocUnsafe(Math.max(SMALLEST, Math.min(size + 1, PIECE)));
      const stream = hash.stream();
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) break;
        stream.update(buffer.subarray(0, bytesRead));
      }
      const digest = stream.digest();
      if (known && isSameVersion(at, versionOf(await file.stat({ bigint: true }))) && isHere(places, path))
        known.keep(path, at, digest, begun);
      return digest;
    } finally {
      await file.close();
    }
  });
}

const SMALLEST = 512;

function versionOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): FileVersion {
  return {
    size: Number(size),
    file: { mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), inode: String(ino) },
  };
}

/** On a network's disk times and inodes prove little. */
function isHere(places: Places, path: string): boolean {
  return !places.at({ kind: 'file', path }).store.traits.remote;
}

function fileDoubt(error: unknown): Doubt {
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string') throw error;
  return { code: 'input/unreadable', message: `an input file cannot be read: ${(error as Error).message}` };
}

/** A place by what lies in it: ETags where the store has them, bytes where it has not. */
export async function fingerprintPlace(uri: string, { places, hash, known }: Reading): Promise<Fingerprint<Digest>> {
  try {
    const location = parseLocation(uri);
    const place = places.at(location);
    const parts = isTree(location) ? await partsOf(place) : await objectOf(place);
    // A marker alone, or a folder's placeholder, is nothing that could be read.
    if (!parts.some((part) => (isTree(location) ? isData(part) : true))) return { seen: 'missing', what: uri };
    const tagged = await hashParts(place, parts, hash, ({ etag }) => etag === undefined, known);
    const value = contentIdentity(tagged, hash);
    if (value !== undefined) return { seen: 'there', value };
    return { seen: 'doubt', doubt: { code: 'input/untagged', message: `${uri}: nothing tells its contents` } };
  } catch (error) {
    return { seen: 'doubt', doubt: doubtOf(error) };
  }
}

function isData(part: Part): boolean {
  return !isPlaceholder(part) && !/(^|\/)_SUCCESS$/.test(part.path);
}

async function partsOf(place: Place): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for await (const head of listed(place.store, place.key)) {
    const path = head.key.slice(place.key.length);
    if (path !== '' && isPart(path)) parts.push(partOf(head, path));
  }
  return parts;
}

async function objectOf(place: Place): Promise<readonly Part[]> {
  const head = await place.store.head(place.key);
  return head ? [partOf(head, '')] : [];
}

/** The parts, those that are chosen with the digest of their bytes. */
export async function hashParts(
  place: Place,
  parts: readonly Part[],
  hash: Blake3,
  chosen: (part: Part) => boolean,
  known?: KnownDigests,
): Promise<readonly Part[]> {
  const hashed: Part[] = [];
  for (const part of parts)
    hashed.push(chosen(part) ? { ...part, digest: await digestOf(place, part, hash, known) } : part);
  return hashed;
}

async function digestOf(place: Place, part: Part, hash: Blake3, known: KnownDigests | undefined): Promise<Digest> {
  const { size, file } = part;
  if (known === undefined || file === undefined || place.store.traits.remote) return hashObject(place, part, hash);
  const name = place.uri + part.path;
  const begun = Date.now();
  const before = known.find(name, { size, file });
  if (before !== undefined) return before;
  const digest = await hashObject(place, part, hash);
  known.keep(name, { size, file }, digest, begun);
  return digest;
}

async function hashObject(place: Place, part: Part, hash: Blake3): Promise<Digest> {
  const key = place.key + part.path;
  const found = await place.store.read(key);
  const stream = hash.stream();
  let bytes = 0;
  for await (const piece of found?.body ?? []) {
    bytes += piece.length;
    stream.update(piece);
  }
  const digest = stream.digest();
  // Bytes that came after the listing, or while they were read, must not be told as those of the part that was listed.
  const whole = found !== undefined && bytes === part.size && isSameVersion(part, partOf(found.head, part.path));
  const after = whole && part.file ? await place.store.head(key) : found?.head;
  if (whole && after && isSameVersion(part, partOf(after, part.path))) return digest;
  const { name } = place.store;
  throw new StoreError('store/conflict', `${place.uri}${part.path} changed while it was read`, { store: name, key });
}

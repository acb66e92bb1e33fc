import type { Digest, WorkKey } from '../core/brand.js';
import type { Blake3 } from '../hash.js';
import type { Store } from '../store/store.js';
import { joinKey } from '../store/store-key.js';
import { SlotLog } from './log.js';

/** Goes into every name: a cache of another version lies beside this one and is never misread. */
const VERSION = 'v1';

/** Where records, leases and heartbeats are: a store of our own, below the cache's prefix. */
export interface Cache {
  /** As people write it. */
  readonly uri: string;
  readonly store: Store;
  readonly hash: Blake3;
  /** `exclusive`: leases exclude. `machine`: among the processes of this machine. `best-effort`: the store cannot exclude. */
  readonly latch: 'exclusive' | 'machine' | 'best-effort';
  /** Milliseconds since 1970 by the store's clock, as well as it is known. */
  readonly now: () => number;
  /** Resolves when it is known how far that clock is from ours. Asked for with the first log, not before it. */
  readonly timed?: Promise<void>;
  /** Told after each slot that is appended, before anybody acts on it: hints that were left before are void. */
  readonly changed?: () => Promise<void>;
}

export function keyLog(cache: Cache, key: WorkKey): SlotLog {
  return logAt(cache, 'keys', key);
}

/** A place's name may be any text: its digest names the log. */
export function placeLog(cache: Cache, place: string): SlotLog {
  return logAt(cache, 'places', cache.hash.digest(new TextEncoder().encode(place)));
}

function logAt(cache: Cache, kind: 'keys' | 'places', id: string): SlotLog {
  return new SlotLog(cache, joinKey(VERSION, kind, shardOf(id), id));
}

/** Spreads names over 256 folders: file systems and people dislike a million in one. */
function shardOf(id: string): string {
  return id.slice(id.indexOf('-') + 1).slice(0, 2);
}

export const KEYS_PREFIX = `${VERSION}/keys/`;
export const beatKey = (beat: string) => joinKey(VERSION, 'beats', beat);
export const journalKey = (run: string) => joinKey(VERSION, 'runs', run);
export const probedKey = () => joinKey(VERSION, 'probed');
export const JOURNAL_PREFIX = `${VERSION}/runs/`;

function objectKey(digest: Digest) {
  return joinKey(VERSION, 'objects', shardOf(digest), digest);
}

/** Kept under its own digest, so a second writer writes the same bytes. */
export async function putObject(cache: Cache, bytes: Uint8Array): Promise<Digest> {
  const digest = cache.hash.digest(bytes);
  await cache.store.write(objectKey(digest), bytes);
  return digest;
}

/** Undefined if it is gone or is not what its name says. */
export async function getObject(cache: Cache, digest: Digest): Promise<Uint8Array | undefined> {
  const bytes = await readWhole(cache.store, objectKey(digest));
  return bytes && cache.hash.digest(bytes) === digest ? bytes : undefined;
}

export async function readWhole(store: Store, key: string): Promise<Uint8Array | undefined> {
  const found = await store.read(key);
  if (!found) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of found.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

import type { Digest, StoreKey } from '../core/brand.js';
import { joinKey } from '../store/store-key.js';

/** Goes into every name, as in the engine's cache: another version lies beside this one and is never misread. */
const VERSION = 'v1';

/** A fixed chunk. One PUT each on S3, so that nothing needs a multipart upload. */
export const CHUNK = 8 * 2 ** 20;
/** Blobs up to this size share packs: a file or a request of its own costs more than its bytes. */
export const PACKED = 2 ** 20;
/** A pack is written when the next blob would not fit. */
export const PACK = 16 * 2 ** 20;

export const CHUNKS = `${VERSION}/chunks/`;
export const PACKS = `${VERSION}/packs/`;
export const INDEXES = `${VERSION}/indexes/`;
export const ARTIFACTS = `${VERSION}/artifacts/`;
export const QUARANTINE = `${VERSION}/quarantine/`;
/** Says whether somebody deletes, and when somebody last did. */
export const SWEEP = `${VERSION}/sweep`;
/** Up to where all bytes have been verified, while that goes on. */
export const VERIFIED = `${VERSION}/verified`;
export const UPLOADS = `${VERSION}/uploads/`;
export const PINS = `${VERSION}/pins/`;

export const chunkKey = (digest: Digest): StoreKey => sharded('chunks', digest);
export const artifactKey = (digest: Digest): StoreKey => sharded('artifacts', digest);
export const packKey = (digest: Digest): StoreKey => joinKey(VERSION, 'packs', digest);
export const indexKey = (digest: Digest): StoreKey => joinKey(VERSION, 'indexes', digest);
export const pinKey = (digest: Digest): StoreKey => joinKey(VERSION, 'pins', digest);
export const uploadKey = (id: string): StoreKey => joinKey(VERSION, 'uploads', id);
/** Bad bytes, kept for whoever wants to know; the name says of which blob, and of which pack where it was in one. */
export const quarantineKey = (digest: Digest, pack?: Digest): StoreKey =>
  joinKey(VERSION, 'quarantine', pack === undefined ? digest : `${digest}.${pack}`);

/** Sixteen folders: these are large and few, and each folder that has to be made costs as much as a small file. */
function sharded(kind: string, digest: Digest): StoreKey {
  return joinKey(VERSION, kind, digest.slice(7, 8), digest);
}

const DIGEST = /^blake3-[0-9a-f]{64}$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && DIGEST.test(value);
}

/** The digest that a key of ours ends in. */
export function digestIn(key: string): Digest | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return isDigest(name) ? name : undefined;
}

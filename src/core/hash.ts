import type { Digest } from './brand.js';

/** Hashing as an argument: the pure core names no library. */
export interface Hash {
  /** The digest of some bytes. */
  digest(bytes: Uint8Array): Digest;
}

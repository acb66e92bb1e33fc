import { createRequire } from 'node:module';
import type { Digest } from './core/brand.js';
import type { Hash } from './core/hash.js';

/**
 * BLAKE3, by whichever library is there: the native one (about eight times as fast) or WebAssembly, which installs
 * everywhere. One digest for both. Loaded when the first byte is hashed, since many commands hash none.
 */
export interface Blake3 extends Hash {
  readonly implementation: 'native' | 'portable';
  stream(): StreamHash;
}

/** For what is too large to hold: feed pieces, then ask once. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  digest(): Digest;
}

let loaded: Blake3 | undefined;

export function blake3(): Blake3 {
  loaded ??= load(process.env['STEPASIDE_BLAKE3']);
  return loaded;
}

function load(wanted: string | undefined): Blake3 {
  if (wanted === 'portable') return portable();
  try {
    return native();
  } catch (error) {
    if (wanted === 'native') throw error;
    return portable();
  }
}

interface Native {
  blake3UrlSafeBase64(bytes: Uint8Array): string;
  Blake3Hasher: new () => { update(bytes: Uint8Array): unknown; digestBuffer(): Buffer };
}

function native(): Blake3 {
  const library = createRequire(import.meta.url)('@napi-rs/blake-hash') as Native;
  const hash: Blake3 = {
    implementation: 'native',
    // As text: a native buffer is freed only when the event loop turns, and a million leaves are hashed in one turn.
    digest: (bytes) => digestOf(Buffer.from(library.blake3UrlSafeBase64(bytes), 'base64url')),
    stream() {
      const hasher = new library.Blake3Hasher();
      return { update: (bytes) => void hasher.update(bytes), digest: () => digestOf(hasher.digestBuffer()) };
    },
  };
  hash.digest(new Uint8Array()); // a binding that loads and cannot hash must fail here, where the other one can serve
  return hash;
}

interface Portable {
  hash(bytes: Uint8Array): Buffer;
  createHash(): { update(bytes: Uint8Array): unknown; digest(): Buffer };
}

function portable(): Blake3 {
  const library = createRequire(import.meta.url)('blake3-wasm') as Portable;
  return {
    implementation: 'portable',
    digest: (bytes) => digestOf(library.hash(bytes)),
    stream() {
      const hasher = library.createHash();
      return { update: (bytes) => void hasher.update(bytes), digest: () => digestOf(hasher.digest()) };
    },
  };
}

function digestOf(raw: Buffer): Digest {
  return `blake3-${raw.toString('hex')}` as Digest;
}

import type { StoreKey } from '../core/brand.js';
import { ConfigError } from '../core/error.js';

const SEGMENT = /^[A-Za-z0-9_.=-]{1,255}$/;
const MAX_BYTES = 900;

/**
 * A key of our own: segments that every server and every file system keeps intact. 900 bytes leave room for a prefix
 * below S3's 1,024; 255 is NAME_MAX. All characters are ASCII, so a character is a byte.
 */
export function asStoreKey(text: string): StoreKey {
  if (text.length > MAX_BYTES) throw bad(text, `${text.length} bytes are more than ${MAX_BYTES}`);
  for (const segment of text.split('/')) {
    if (segment === '') throw bad(text, 'it has an empty segment');
    if (segment === '.' || segment === '..') throw bad(text, `a segment "${segment}" would climb`);
    if (!SEGMENT.test(segment))
      throw bad(text, `the segment ${JSON.stringify(segment)} is not 1..255 of [A-Za-z0-9_.=-]`);
  }
  return text as StoreKey;
}

/** Joined by `/`; a segment may be a key itself. */
export function joinKey(...segments: readonly string[]): StoreKey {
  return asStoreKey(segments.join('/'));
}

function bad(text: string, why: string): ConfigError {
  return new ConfigError('config/bad-store-key', `${JSON.stringify(text)} is no key of ours: ${why}`);
}

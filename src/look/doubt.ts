import { StoreError } from '../core/error.js';
import type { Doubt } from '../core/sighting.js';

/** A store's "I cannot tell" as data. Anything else that is thrown is a bug and stays thrown. */
export function doubtOf(error: unknown): Doubt {
  if (!(error instanceof StoreError)) throw error;
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}

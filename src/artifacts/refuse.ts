import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';

/** A list that no writer of ours made: nothing of it is believed. */
export function badList(why: string): IntegrityError {
  return new IntegrityError('integrity/list', `a list is refused: ${why}`);
}

export function missing(digest: Digest): IntegrityError {
  return new IntegrityError('integrity/missing', `${digest} is not in the store`);
}

export function wrongBytes(digest: Digest): IntegrityError {
  return new IntegrityError('integrity/digest', `the bytes stored as ${digest} are other bytes`);
}

export function changed(what: string): IntegrityError {
  return new IntegrityError('integrity/changed', `${what} was changed while it was read`, {
    hint: 'nothing was recorded; try again when nobody writes to it',
  });
}

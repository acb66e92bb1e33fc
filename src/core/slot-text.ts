import type { Hash } from './hash.js';
import { SLOT_VERSION, type Slot } from './slot.js';

/**
 * A slot's bytes: one line of JSON, and one line with its digest. People can read it; a flipped bit or a lost end shows. *
 */
export function slotText(slot: Slot, hash: Hash): string {
  const line = JSON.stringify(slot);
  return `${line}\n${sum(line, hash)}\n`;
}

/** Undefined: these bytes are no slot that this version knows, whole and unchanged. */
export function parseSlot(text: string, n: number, hash: Hash): Slot | undefined {
  const [line, digest, end, ...rest] = text.split('\n');
  if (line === undefined || digest === undefined || end !== '' || rest.length > 0) return undefined;
  if (sum(line, hash) !== digest) return undefined;
  const slot = parsed(line);
  return slot?.v === SLOT_VERSION && slot.n === n ? slot : undefined;
}

/** A right digest is no promise: another version, or another program, may have written it. */
function parsed(line: string): Slot | undefined {
  try {
    return (JSON.parse(line) as Slot | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function sum(line: string, hash: Hash): string {
  return hash.digest(new TextEncoder().encode(line));
}

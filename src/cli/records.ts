import type { WorkKey } from '../core/brand.js';
import { allKeys } from '../engine/all-records.js';
import type { Engine } from '../engine/engine.js';
import { UsageError } from './command.js';

/** A key as people write it: whole, or as much of it as is unique. */
export async function findKey(engine: Pick<Engine, 'cache'>, text: string): Promise<WorkKey> {
  const wanted = text.startsWith('blake3-') ? text : `blake3-${text}`;
  const found: WorkKey[] = [];
  for await (const key of allKeys(engine)) if (key.startsWith(wanted)) found.push(key);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new UsageError(`no record has the key ${text}`, 'see stepaside ls');
  throw new UsageError(`${found.length} keys begin with ${text}`, 'write more of it');
}

import type { WorkKey } from '../core/brand.js';
import { allKeys, allRecords } from '../engine/all-records.js';
import type { AtCache } from './cache-command.js';
import { UsageError } from './command.js';

/** A key as people write it: whole, or as much of it as is unique. `ifStep` is the hint for who names a step instead. */
export async function findKey(at: AtCache, text: string, ifStep: string): Promise<WorkKey> {
  const wanted = text.startsWith('blake3-') ? text : `blake3-${text}`;
  const found: WorkKey[] = [];
  for await (const key of allKeys(at.engine)) if (key.startsWith(wanted)) found.push(key);
  if (found.length === 1) return found[0]!;
  if (found.length === 0)
    throw new UsageError(`no record has the key ${text}`, (await isStep(at, text)) ? ifStep : 'see stepaside ls');
  throw new UsageError(`${found.length} keys begin with ${text}`, 'write more of it');
}

async function isStep({ engine, workflow }: AtCache, text: string): Promise<boolean> {
  if (workflow?.steps.some(({ name }) => name === text)) return true;
  for await (const { record } of allRecords(engine))
    if (record.step === text || record.step.replace(/\[.*/s, '') === text) return true;
  return false;
}

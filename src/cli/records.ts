import type { WorkKey } from '../core/brand.js';
import type { RecordEntry, StoredRecord } from '../core/slot.js';
import { KEYS_PREFIX, keyLog } from '../engine/cache.js';
import type { Engine } from '../engine/engine.js';
import type { LogView, SlotLog } from '../engine/log.js';
import { UsageError } from './command.js';

export interface Found {
  readonly key: WorkKey;
  readonly log: SlotLog;
  readonly view: LogView;
  readonly entry: RecordEntry;
  readonly record: StoredRecord;
}

/** Every key that the cache knows, one after another. */
export async function* allKeys({ cache }: Pick<Engine, 'cache'>): AsyncGenerator<WorkKey> {
  const seen = new Set<string>();
  for await (const { key: name } of cache.store.list(KEYS_PREFIX)) {
    const key = name.slice(KEYS_PREFIX.length).split('/')[1];
    if (key === undefined || seen.has(key)) continue;
    seen.add(key);
    yield key as WorkKey;
  }
}

export async function* allRecords(engine: Pick<Engine, 'cache'>): AsyncGenerator<Found> {
  for await (const key of allKeys(engine)) yield* recordsOfKey(engine, key);
}

export async function* recordsOfKey({ cache }: Pick<Engine, 'cache'>, key: WorkKey): AsyncGenerator<Found> {
  const log = keyLog(cache, key);
  yield* recordsIn({ key, log, view: await log.read() });
}

export async function* recordsIn({ key, log, view }: Pick<Found, 'key' | 'log' | 'view'>): AsyncGenerator<Found> {
  for (const entry of view.records) {
    const record = view.newest?.attempt === entry.attempt ? view.newest : await log.record(entry);
    if (record) yield { key, log, view, entry, record };
  }
}

/** A key as people write it: whole, or as much of it as is unique. */
export async function findKey(engine: Pick<Engine, 'cache'>, text: string): Promise<WorkKey> {
  const wanted = text.startsWith('blake3-') ? text : `blake3-${text}`;
  const found: WorkKey[] = [];
  for await (const key of allKeys(engine)) if (key.startsWith(wanted)) found.push(key);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new UsageError(`no record has the key ${text}`, 'see stepaside ls');
  throw new UsageError(`${found.length} keys begin with ${text}`, 'write more of it');
}

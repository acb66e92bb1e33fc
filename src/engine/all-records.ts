import type { WorkKey } from '../core/brand.js';
import type { RecordEntry, StoredRecord } from '../core/slot.js';
import { type Cache, KEYS_PREFIX, keyLog } from './cache.js';
import type { LogView, SlotLog } from './log.js';

interface InCache {
  readonly cache: Cache;
}

export interface Found {
  readonly key: WorkKey;
  readonly log: SlotLog;
  readonly view: LogView;
  readonly entry: RecordEntry;
  readonly record: StoredRecord;
}

/** Every key that the cache knows, one after another. */
export async function* allKeys({ cache }: InCache): AsyncGenerator<WorkKey> {
  const seen = new Set<string>();
  for await (const { key: name } of cache.store.list(KEYS_PREFIX)) {
    const key = name.slice(KEYS_PREFIX.length).split('/')[1];
    if (key === undefined || seen.has(key)) continue;
    seen.add(key);
    yield key as WorkKey;
  }
}

export async function* allRecords(engine: InCache): AsyncGenerator<Found> {
  for await (const key of allKeys(engine)) yield* recordsOfKey(engine, key);
}

export async function* recordsOfKey({ cache }: InCache, key: WorkKey): AsyncGenerator<Found> {
  const log = keyLog(cache, key);
  yield* recordsIn({ key, log, view: await log.read() });
}

export async function* recordsIn({ key, log, view }: Pick<Found, 'key' | 'log' | 'view'>): AsyncGenerator<Found> {
  for (const entry of view.records) {
    const record = view.newest?.attempt === entry.attempt ? view.newest : await log.record(entry);
    if (record) yield { key, log, view, entry, record };
  }
}

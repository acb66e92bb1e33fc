import type { WorkKey } from '../../src/core/brand.js';
import type { Holder, StoredRecord } from '../../src/core/slot.js';
import { memoryStore } from '../../src/drivers/memory.js';
import type { Cache } from '../../src/engine/cache.js';
import { blake3 } from '../../src/hash.js';
import type { Store } from '../../src/store/store.js';

export const KEY = `blake3-${'7'.repeat(64)}` as WorkKey;
export const OTHER_KEY = `blake3-${'8'.repeat(64)}` as WorkKey;

export function holder(name: string, facts: Partial<Holder> = {}): Holder {
  return {
    host: name,
    boot: `boot-${name}`,
    pidns: 'pid:[1]',
    pid: 42,
    started: '1000',
    beat: `beat-${name}`,
    ...facts,
  };
}

export function cacheOn(store: Store = memoryStore(), now: () => number = () => 1_700_000_000_000): Cache {
  return { uri: store.name, store, hash: blake3(), latch: 'exclusive', now };
}

export function record(attempt: number, facts: Partial<StoredRecord> = {}): StoredRecord {
  return {
    key: KEY,
    attempt,
    workflow: 'w',
    step: 's',
    run: '20240101-000000-abcdef',
    startedAt: 1_700_000_000_000,
    producedAt: 1_700_000_001_000 + attempt,
    durationMs: 1_000,
    tries: 1,
    exitCode: 0,
    producer: { host: 'a', version: '0.1.0' },
    components: { here: [{ group: 'command', value: 'echo ü' }] },
    outputs: [],
    ...facts,
  };
}

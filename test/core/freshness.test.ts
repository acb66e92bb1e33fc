import { describe, expect, it } from 'vitest';
import type { WorkKey } from '../../src/core/brand.js';
import { chooseRecord, formatAge, type maxAge, viability } from '../../src/core/freshness.js';
import type { WorkRecord } from '../../src/core/record.js';

const DAY = 86_400_000;
const record = (more: Partial<WorkRecord> = {}): WorkRecord => ({
  key: 'k' as WorkKey,
  attempt: 1,
  producedAt: 10 * DAY,
  tombstoned: false,
  outputs: [],
  ...more,
});
const judge = (more: Partial<WorkRecord>, freshness: Parameters<typeof maxAge>[0], now = 19 * DAY) =>
  viability(record(more), { outputs: [], freshness, now });

describe('a viable record', () => {
  it('is young enough for the step and for the administrator', () => {
    expect(judge({}, { maxAgeMs: 9 * DAY })).toEqual({ viable: true });
    expect(judge({}, { maxAgeMs: 7 * DAY })).toEqual({
      viable: false,
      why: 'too-old',
      detail: 'record is 9d old, maxAge 7d',
    });
    expect(judge({}, { maxAgeMs: 30 * DAY, limits: { maxAgeMs: 7 * DAY } })).toMatchObject({ why: 'too-old' });
    expect(judge({}, { limits: { defaultMaxAgeMs: 7 * DAY } })).toMatchObject({ why: 'too-old' });
    expect(judge({}, { maxStalenessMs: 7 * DAY })).toMatchObject({ why: 'too-old' });
    expect(judge({}, {})).toEqual({ viable: true });
  });
  it('0 never uses a record, not even one of this instant', () => {
    expect(judge({}, { maxAgeMs: 0 }, 10 * DAY)).toMatchObject({ viable: false, why: 'too-old' });
  });
  it('a clock that was set back makes nothing negative years old', () => {
    expect(judge({}, { maxAgeMs: 1 }, 0)).toEqual({ viable: true });
  });
  it('names every output that is declared now, and is not invalidated', () => {
    expect(viability(record(), { outputs: ['table'], freshness: {}, now: 0 })).toMatchObject({ why: 'new-output' });
    expect(judge({ tombstoned: true }, {})).toMatchObject({ why: 'invalidated' });
  });
  it('of the same track is taken first, then the newest of any', () => {
    const slow = record({ attempt: 1, trackMs: 30, producedAt: 1 });
    const fast = record({ attempt: 2, trackMs: 1, producedAt: 2 });
    expect(chooseRecord([slow, fast], 30)).toBe(slow);
    expect(chooseRecord([slow, fast], 7)).toBe(fast);
    expect(chooseRecord([], 7)).toBeUndefined();
    expect(chooseRecord([slow, { ...slow, attempt: 5 }], 30)?.attempt).toBe(5);
  });
  it.each([
    [9 * DAY + 5, '9d'],
    [3_700_000, '1h'],
    [61_000, '1m'],
    [1500, '1s'],
    [20, '20ms'],
  ])('%i ms is told as %s', (ms, text) => expect(formatAge(ms)).toBe(text));
});

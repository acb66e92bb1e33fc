import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countItems,
  countSeries,
  dateRange,
  instanceName,
  integerRange,
  itemAt,
  items,
  type ParsedRange,
  seriesIndexOf,
  seriesItem,
} from '../../src/core/series.js';
import type { Series } from '../../src/core/step.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function ok(range: ParsedRange): Series {
  if (!range.ok) throw new Error(range.why);
  return range.series;
}
const all = (series: Series) => Array.from({ length: countSeries(series) }, (_, i) => seriesItem(series, i));

describe('ranges', () => {
  test('both ends are included, leap days are there, weeks step over month ends', () => {
    expect(all(ok(dateRange('2024-02-27', '2024-03-01')))).toEqual([
      '2024-02-27',
      '2024-02-28',
      '2024-02-29',
      '2024-03-01',
    ]);
    expect(all(ok(dateRange('2024-12-25', '2025-01-10', 7 * DAY)))).toEqual(['2024-12-25', '2025-01-01', '2025-01-08']);
    expect(all(ok(dateRange('2024-03-30T22', '2024-03-31T02', 2 * HOUR)))).toEqual([
      '2024-03-30T22',
      '2024-03-31T00',
      '2024-03-31T02',
    ]);
    expect(all(ok(integerRange(-2, 3, 2)))).toEqual([-2, 0, 2]);
    expect(all(ok(integerRange(5, 5)))).toEqual([5]);
  });

  test('early centuries are what they say', () => {
    expect(all(ok(dateRange('0099-12-31', '0100-01-01')))).toEqual(['0099-12-31', '0100-01-01']);
  });

  test.each([
    dateRange('2024-01-02', '2024-01-01'),
    dateRange('2023-02-29', '2024-01-01'),
    dateRange('2024-13-01', '2024-01-01'),
    dateRange('2024-1-1', '2024-01-05'),
    dateRange('2024-01-01T24', '2024-01-02T00'),
    dateRange('2024-01-01', '2024-01-02T00'),
    dateRange('2024-01-01', '2024-01-02', HOUR),
    dateRange('2024-01-01', '2024-01-02', 0),
    dateRange('2024-01-01T00', '2024-01-02T00', 1_800_000),
    integerRange(2, 1),
    integerRange(1, 2, 0),
  ])('refused: %o', (range) => expect(range.ok).toBe(false));

  test('no day is skipped or doubled in 30 years, whatever the zone of the machine', () => {
    const days = all(ok(dateRange('2000-01-01', '2029-12-31'))) as string[];
    expect(days.length).toBe(30 * 365 + 8);
    expect(new Set(days).size).toBe(days.length);
    expect([...days].sort()).toEqual(days);
  });
});

describe('items', () => {
  const forEach = {
    day: ok(dateRange('2024-01-01', '2024-01-03')),
    region: { kind: 'list', items: ['eu', 'us'] } as const,
  };

  test('the last name varies fastest, and names follow the order written', () => {
    expect([...items(forEach)].map((item) => instanceName('report', forEach, item)).slice(0, 3)).toEqual([
      'report[2024-01-01,eu]',
      'report[2024-01-01,us]',
      'report[2024-01-02,eu]',
    ]);
    expect(instanceName('report', {}, {})).toBe('report');
    expect([...items({})]).toEqual([{}]);
    expect(countItems(forEach)).toBe(6);
  });

  test('a million items are counted and found without being made', () => {
    const million = { n: ok(integerRange(1, 1_000_000)), d: ok(dateRange('2024-01-01', '2024-12-31')) };
    const before = performance.now();
    expect(countItems(million)).toBe(366_000_000);
    expect(itemAt(million, 365_999_999)).toEqual({ n: 1_000_000, d: '2024-12-31' });
    expect(seriesIndexOf(million.n, '777777')).toBe(777_776);
    expect(performance.now() - before).toBeLessThan(50);
  });

  test('index and item are each other’s inverse; what is not in it is not found', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1000, max: 1000 }),
        fc.nat(500),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        (from, length, every, pick) => {
          const series = ok(integerRange(from, from + length, every));
          const index = pick % countSeries(series);
          expect(seriesIndexOf(series, String(seriesItem(series, index)))).toBe(index);
          expect(seriesIndexOf(series, String(from - every))).toBe(-1);
          expect(seriesIndexOf(series, `0${from}`)).toBe(-1);
        },
      ),
    );
  });

  test('asking beyond the end throws', () => {
    expect(() => itemAt(forEach, 6)).toThrow(RangeError);
    expect(() => itemAt(forEach, -1)).toThrow(RangeError);
    expect(() => seriesItem(forEach.day, 3)).toThrow(RangeError);
  });
});

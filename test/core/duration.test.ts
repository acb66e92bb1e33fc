import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DURATION, parseDuration } from '../../src/core/duration.js';

const DAY = 86_400_000;

describe('lengths of time', () => {
  test.each([
    ['0', 0],
    ['3d', 3 * DAY],
    ['72h', 3 * DAY],
    ['1h30m', 5_400_000],
    ['1w2d', 9 * DAY],
    ['90s', 90_000],
    ['500ms', 500],
    ['1m500ms', 60_500],
    ['P3D', 3 * DAY],
    ['PT12H', DAY / 2],
    ['P1DT2H3M4S', DAY + 2 * 3_600_000 + 3 * 60_000 + 4_000],
    ['P2W', 14 * DAY],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, ms });
    expect(DURATION.test(text)).toBe(true);
  });

  test.each([
    '',
    '10',
    '1.5h',
    '3 d',
    '-1d',
    'd',
    'P',
    'PT',
    'P1DT',
    '1m1h',
    '3D',
    '1h1h',
    'P1Y2D',
    '1mo',
    'P1M',
    '1y',
    '2 months',
    'Infinity',
  ])('"%s" is refused', (text) => expect(parseDuration(text).ok).toBe(false));

  test('months and years are told from mistakes', () => {
    for (const text of ['1mo', 'P1M', '1y', 'P1Y', '2years'])
      expect(parseDuration(text)).toMatchObject({ ok: false, why: expect.stringContaining('no fixed length') });
  });

  test('what is longer than can be counted is refused', () => {
    expect(parseDuration('99999999999999999w').ok).toBe(false);
  });

  test('no text throws, and what is accepted is a safe count', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9PTWDHMSwdhms]{0,12}$/), (text) => {
        const parsed = parseDuration(text);
        expect(parsed.ok ? Number.isSafeInteger(parsed.ms) && parsed.ms >= 0 : parsed.why !== '').toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});

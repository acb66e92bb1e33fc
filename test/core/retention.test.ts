import { describe, expect, it } from 'vitest';
import type { RetentionRules } from '../../src/core/config.js';
import { fatesOf } from '../../src/core/retention.js';

const DAY = 86_400_000;
const NOW = 1000 * DAY;

/** Of one step, by age in days. */
const records = (ages: readonly number[], more: { pinned?: boolean; group?: string } = {}) =>
  ages.map((age) => ({ group: 'w s', step: 's', producedAt: NOW - age * DAY, pinned: false, ...more }));

function stay(rules: Partial<RetentionRules>, asked = records([1, 5, 9, 40, 100])) {
  const fates = fatesOf(asked, { steps: {}, ...rules }, NOW);
  return asked.map((record) => fates.get(record)!);
}

describe('retention', () => {
  it.each<[string, Partial<RetentionRules>, readonly boolean[]]>([
    ['without a rule all stay', {}, [true, true, true, true, true]],
    ['the last two', { keepLast: 2 }, [true, true, false, false, false]],
    ['a month', { keepForMs: 30 * DAY }, [true, true, true, false, false]],
    ['whichever speaks for it', { keepLast: 4, keepForMs: 30 * DAY }, [true, true, true, true, false]],
    ['nothing but the new', { keepForMs: 0 }, [false, false, false, false, false]],
    ["a step's own rule", { keepLast: 1, steps: { s: { keepLast: 3 } } }, [true, true, true, false, false]],
    [
      'what it does not say is as for all',
      { keepForMs: 30 * DAY, steps: { s: { keepLast: 1 } } },
      [true, true, true, false, false],
    ],
    ["another step's rule", { steps: { t: { keepLast: 1 } } }, [true, true, true, true, true]],
    ['a step that is called as a property is', { keepLast: 9, steps: {} }, [true, true, true, true, true]],
  ])('%s', (_, rules, expected) => {
    expect(stay(rules).map(({ stays }) => stays)).toEqual(expected);
  });

  it('says which rule decided', () => {
    expect(stay({ keepLast: 1, keepForMs: 7 * DAY }).map(({ rule }) => rule)).toEqual([
      'keepLast 1: 0 are newer',
      'keepFor 7d: it is 5d old',
      'keepLast 1: 2 are newer, keepFor 7d: it is 9d old',
      'keepLast 1: 3 are newer, keepFor 7d: it is 40d old',
      'keepLast 1: 4 are newer, keepFor 7d: it is 100d old',
    ]);
  });

  it('what is pinned stays, and groups are counted apart', () => {
    const asked = [...records([1, 2]), ...records([500], { pinned: true }), ...records([600], { group: 'w s[2]' })];
    expect(stay({ keepLast: 1 }, asked).map(({ stays }) => stays)).toEqual([true, false, true, true]);
  });

  it('a clock that was set back makes nothing older', () => {
    expect(stay({ keepForMs: DAY }, records([-5]))).toEqual([{ stays: true, rule: 'keepFor 1d: it is 0ms old' }]);
  });
});

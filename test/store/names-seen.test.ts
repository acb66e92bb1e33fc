import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NamesSeen } from '../../src/store/names-seen.js';

describe('NamesSeen', () => {
  it('is a set of names, few or many', () => {
    const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 6 }), fc.constantFrom('', 'a', 'b', 'ab', 'ba'));
    fc.assert(
      fc.property(fc.array(name), fc.boolean(), (names, isMany) => {
        const [seen, exact] = [new NamesSeen(), new Set<string>()];
        if (isMany)
          for (let i = 0; i < 10_050; i++) {
            seen.add(`before/${i}`);
            exact.add(`before/${i}`);
          }
        for (const one of names) {
          expect(seen.has(one)).toBe(exact.has(one));
          expect(seen.add(one)).toBe(!exact.has(one));
          exact.add(one);
          expect(seen.has(one)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('tells 300,000 names apart that differ in little, and knows each again', () => {
    const seen = new NamesSeen();
    const names = Array.from({ length: 300_000 }, (_, i) => `lake/dt=2024-01-01/part-${i}.parquet`);
    expect(names.filter((name) => seen.add(name))).toHaveLength(names.length);
    expect(names.filter((name) => seen.add(name))).toHaveLength(0);
    expect(names.filter((name) => seen.has(`${name}x`))).toHaveLength(0);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { items } from '../../src/core/series.js';
import type { Series } from '../../src/core/step.js';
import { meets, type PlacePattern, placeOf, placePattern, surelyApart } from '../../src/spec/place-pattern.js';

/** The symbolic comparison is only asked about large series; here it answers for small ones, which can all be tried. */
test('apart means apart, and meeting is exact', () => {
  const segment = fc.constantFrom(
    'a',
    '1',
    '{{each.n}}',
    '{{each.m}}',
    'x{{each.n}}',
    '{{each.n}}y',
    'x1',
    '{{each.n}}-{{each.n}}',
    '1-1',
  );
  const series = fc.record({
    from: fc.integer({ min: 0, max: 3 }),
    length: fc.nat(4),
    every: fc.integer({ min: 1, max: 2 }),
  });
  const side = fc.tuple(
    fc.array(segment, { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    series,
    series,
    fc.constantFrom('s3://lake/', '/mnt/'),
  );
  const build = ([path, tree, n, m, root]: typeof side extends fc.Arbitrary<infer T> ? T : never): PlacePattern => {
    const of = ({ from, length, every }: typeof n): Series => ({ kind: 'integers', from, to: from + length, every });
    return placePattern(
      `${root}${path.join('/')}${tree ? '/' : ''}`,
      { folder: '/flow', stores: {} },
      {},
      { n: of(n), m: of(m) },
    )!;
  };
  const written = (pattern: PlacePattern) => [...items(pattern.forEach)].map((item) => placeOf(pattern, item));
  const touch = (a: string, b: string, p: PlacePattern, q: PlacePattern) => {
    if (p.flat !== q.flat) return false;
    if (a === b) return !p.flat || p.tree === q.tree;
    if (b.startsWith(`${a}/`)) return !p.flat || p.tree;
    return a.startsWith(`${b}/`) && (!q.flat || q.tree);
  };
  fc.assert(
    fc.property(side, side, (left, right) => {
      const [a, b] = [build(left), build(right)];
      fc.pre(a.plain && b.plain);
      const [placesA, placesB] = [written(a), written(b)];
      if (surelyApart(a, b)) expect(placesA.some((x) => placesB.some((y) => touch(x, y, a, b)))).toBe(false);
      if (a.flat === b.flat)
        for (const y of placesB) expect(meets(a, y, b.tree)).toBe(placesA.some((x) => touch(x, y, a, b)));
    }),
    { numRuns: 5_000 },
  );
});

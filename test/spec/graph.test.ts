import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_CONFIG } from '../../src/core/config.js';
import { loadWorkflowValue } from '../../src/spec/load.js';

function check(steps: readonly { name: string; needs: readonly string[] }[]) {
  const value = { name: 'w', steps: steps.map((step) => ({ ...step, run: 'x' })) };
  return loadWorkflowValue({ value, file: '/flow/wf.yaml', config: EMPTY_CONFIG });
}

/** Another way to the same answer: take away what needs nothing until nothing changes. */
function hasCycle(needs: readonly (readonly number[])[]): boolean {
  const left = new Set(needs.keys());
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const step of left) if (!needs[step]!.some((need) => left.has(need))) left.delete(step);
  }
  return left.size > 0;
}

describe('graphs', () => {
  test('cycles are found if and only if there are any, and what is printed is one', () => {
    const graph = fc
      .integer({ min: 1, max: 9 })
      .chain((size) =>
        fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 2 }), { minLength: size, maxLength: size }),
      );
    fc.assert(
      fc.property(graph, (needs) => {
        const loaded = check(needs.map((list, i) => ({ name: `s${i}`, needs: list.map((n) => `s${n}`) })));
        expect(loaded.ok).toBe(!hasCycle(needs));
        for (const { code, message } of loaded.ok ? [] : loaded.issues) {
          expect(code).toBe('config/cycle');
          const circle = message
            .split(': ')[1]!
            .split(' -> ')
            .map((name) => Number(name.slice(1)));
          expect(circle.at(-1)).toBe(circle[0]);
          for (let i = 0; i + 1 < circle.length; i++) expect(needs[circle[i]!]).toContain(circle[i + 1]);
        }
      }),
      { numRuns: 10_000 },
    );
  });

  const chain = (length: number) =>
    Array.from({ length }, (_, i) => ({ name: `s${i}`, needs: i === 0 ? [] : [`s${i - 1}`] }));

  test('a chain 100,000 deep is fine, in both directions', () => {
    expect(check(chain(100_000)).ok).toBe(true);
    expect(check(chain(100_000).reverse()).ok).toBe(true);
  });

  test('a circle of 100,000 is found and told briefly', () => {
    const steps = chain(100_000);
    steps[0] = { name: 's0', needs: ['s99999'] };
    const loaded = check(steps);
    expect(loaded).toMatchObject({ ok: false, issues: [{ code: 'config/cycle' }] });
    expect(loaded.ok ? '' : loaded.issues[0]!.message).toMatch(
      /^steps need each other: s0 -> s99999 -> .*\(\d+ more\).* -> s0$/,
    );
  });
});

describe('outputs of many', () => {
  const each = (name: string, path: string, forEach: object) => ({ name, run: 'x', forEach, outputs: [{ path }] });
  const load = (steps: readonly object[]) =>
    loadWorkflowValue({ value: { name: 'w', steps }, file: '/flow/wf.yaml', config: EMPTY_CONFIG });

  test('a million items cost nothing where the path tells them apart', () => {
    const million = { n: { from: 1, to: 1_000_000 } };
    const before = performance.now();
    const loaded = load([
      each('a', 's3://lake/a/{{each.n}}/', million),
      each('b', 's3://lake/b/{{each.n}}.csv', million),
      each('c', 's3://lake/b/{{each.n}}.json', million),
      each('d', 's3://lake/{{each.n}}/d', { n: { from: 2_000_000, to: 3_000_000 } }),
      each('e', 's3://lake/{{each.n}}/d', { n: { from: 3_000_001, to: 3_500_000 } }),
      each('f', 's3://lake/{{each.d}}/d', { d: { from: '2024-01-01T00', to: '2024-12-31T23' } }),
    ]);
    expect(loaded).toMatchObject({ ok: true });
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test('two large series that meet are found', () => {
    const loaded = load([
      each('a', 's3://lake/{{each.n}}/', { n: { from: 1, to: 1_000_000 } }),
      each('b', 's3://lake/{{each.m}}/x', { m: { from: 999_999, to: 1_400_000 } }),
    ]);
    expect(loaded).toMatchObject({ ok: false, issues: [{ code: 'config/overlap' }] });
  });

  test('50,000 steps with an output each are compared in a moment', () => {
    const before = performance.now();
    const steps = Array.from({ length: 50_000 }, (_, i) => ({
      name: `s${i}`,
      run: 'x',
      outputs: [{ path: `out/${i}/x` }],
    }));
    expect(load(steps).ok).toBe(true);
    expect(load([...steps, { name: 'z', run: 'x', outputs: [{ path: './out/49999/' }] }])).toMatchObject({
      issues: [{ code: 'config/overlap' }],
    });
    expect(performance.now() - before).toBeLessThan(30_000);
  });

  test('whatever patterns say, trying all items says the same', () => {
    const segment = fc.constantFrom('a', 'b', '{{each.n}}', 'x{{each.n}}', '{{each.n}}y', '1', 'x2', '3y');
    const path = fc.tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.boolean());
    const series = fc.tuple(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 1, max: 2 }),
    );
    fc.assert(
      fc.property(path, series, path, series, ([pathA, treeA], rangeA, [pathB, treeB], rangeB) => {
        const make = (
          name: string,
          segments: readonly string[],
          tree: boolean,
          [from, length, every]: readonly number[],
        ) => ({
          name,
          run: 'x',
          forEach: { n: { from, to: from! + length!, every } },
          outputs: [{ path: `s3://lake/${segments.join('/')}${tree ? '/' : ''}` }],
        });
        const all = (segments: readonly string[], tree: boolean, [from, length, every]: readonly number[]) => {
          const places: string[] = [];
          for (let n = from!; n <= from! + length!; n += every!)
            places.push(segments.join('/').replaceAll('{{each.n}}', String(n)) + (tree ? '/' : ''));
          return places;
        };
        const places = [...all(pathA, treeA, rangeA), ...all(pathB, treeB, rangeB)];
        const meet = places.some((a, i) =>
          places.some((b, j) => i !== j && (a === b || (a.endsWith('/') && b.startsWith(a)))),
        );
        const loaded = load([make('a', pathA, treeA, rangeA), make('b', pathB, treeB, rangeB)]);
        expect(loaded.ok).toBe(!meet);
      }),
      { numRuns: 3_000 },
    );
  });
});

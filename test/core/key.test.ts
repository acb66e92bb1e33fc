import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/encoding.js';
import { encode } from '../../src/core/encoding.js';
import { type Component, differences, workKey } from '../../src/core/key.js';
import { blake3 } from '../../src/hash.js';
import { oracleKey } from '../golden/key-oracle.mjs';
import vectors from '../golden/keys.json' with { type: 'json' };

const hash = blake3();
const golden = vectors as unknown as readonly { components: Component[]; key: string }[];

describe('the key of some work', () => {
  it('is what 1,000 golden vectors say, by our encoding and by the one written from DESIGN.md', () => {
    expect(golden).toHaveLength(1000);
    expect(golden.filter(({ components, key }) => workKey(components, hash) !== key)).toEqual([]);
    expect(golden.filter(({ components, key }) => oracleKey(components, hash.digest) !== key)).toEqual([]);
    expect(new Set(golden.map((v) => v.key)).size).toBe(new Set(golden.map((v) => JSON.stringify(v.components))).size);
  });

  it('does not depend on the order of its components', () => {
    for (const { components, key } of golden.slice(0, 200)) expect(workKey(components.toReversed(), hash)).toBe(key);
  });

  it('refuses two components of one name', () => {
    const twice: Component[] = [
      { group: 'params', name: 'x', value: 1 },
      { group: 'params', name: 'x', value: 2 },
    ];
    expect(() => workKey(twice, hash)).toThrow(/two components are named params.x/);
  });

  it('tells a group that is a leaf from a leaf with the empty name', () => {
    expect(workKey([{ group: 'env', value: 'a' }], hash)).not.toBe(
      workKey([{ group: 'env', name: '', value: 'a' }], hash),
    );
  });
});

describe('the canonical encoding', () => {
  it.each([
    ['an integer beyond 2^53', 2 ** 53],
    ['NaN', Number.NaN],
    ['infinity', Number.NEGATIVE_INFINITY],
    ['a lone surrogate', 'x\ud800'],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a Date', new Date(0)],
    ['a Set', new Set([1])],
    ['a regular expression', /a/],
    ['bytes', new Uint8Array([1])],
    ['a boxed value', Object(true)],
    ['a map whose names are numbers', new Map([[1, 1]])],
    ['a symbol in a name', { [Symbol('x')]: 1 }],
  ])('refuses %s', (_, value) => {
    expect(() => encode(value as unknown as Json)).toThrowError(
      expect.objectContaining({ code: 'integrity/encoding' }),
    );
  });

  it('refuses what is nested too deep instead of ending the process', () => {
    let deep: Json = 0;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(() => encode(deep)).toThrow(/nested deeper/);
  });

  it('gives a Map and an object of the same entries the same bytes, and keeps __proto__ an ordinary name', () => {
    expect(encode(new Map([['a', 1]]))).toEqual(encode({ a: 1 }));
    expect(encode(new Map([['__proto__', 1]]))).not.toEqual(encode({}));
  });

  it('never gives two values the same bytes', () => {
    const json = (fc.jsonValue({ depthSize: 'small' }) as fc.Arbitrary<Json>).filter(isExact);
    fc.assert(
      fc.property(json, json, (a, b) => {
        const same = Buffer.compare(encode(a), encode(b)) === 0;
        // -0 and 0 are one number: JSON text tells neither apart.
        expect(same).toBe(canonical(a) === canonical(b));
      }),
      { numRuns: 5000 },
    );
  });
});

/** What the encoding refuses is another test's business. */
function isExact(value: Json): boolean {
  return !/[0-9]{16}|e\+/.test(JSON.stringify(value));
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_, v: unknown) =>
    v && typeof v === 'object' && !Array.isArray(v)
      ? ['map', ...Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))]
      : v,
  );
}

describe('what differs between two keys', () => {
  it('names the leaf, the likeliest cause first', () => {
    const before: Component[] = [
      { group: 'command', value: 'python a.py' },
      { group: 'env', name: 'TZ', value: 'UTC' },
      { group: 'params', name: 'date', value: '2024-01-01' },
    ];
    const after: Component[] = [
      { group: 'command', value: 'python a.py' },
      { group: 'params', name: 'date', value: '2024-01-02' },
      { group: 'seed', value: 'v2' },
    ];
    expect(differences(before, after)).toEqual([
      { name: 'params.date', before: '2024-01-01', after: '2024-01-02' },
      { name: 'env.TZ', before: 'UTC' },
      { name: 'seed', after: 'v2' },
    ]);
  });
});

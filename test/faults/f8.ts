import type { Component } from '../../src/core/key.js';
import { workKey } from '../../src/core/key.js';
import { blake3 } from '../../src/hash.js';
import { pick, randomFrom } from '../conformance/random.js';
import type { Tally } from './campaign.js';

/** The long form: some pairs come out equal by chance and do not count, and 10,000,000 have to. */
export const points = 11_600_000;
export const needsServer = false;

type Random = () => number;
type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };
type Leaf = { group: string; name?: string; value: Value };

/**
 * F8 of LIMITS: pairs of inputs that differ in one boundary, type, big integer or surrogate never have one key, and what
 * has no exact form is refused. Whether two inputs differ is said by `plain`, which shares nothing with the encoding.
 */
export async function campaign({ points, seed }: { readonly points: number; readonly seed: number }): Promise<Tally> {
  const hash = blake3();
  const random = randomFrom(seed);
  const byKind: Record<string, number> = {};
  const examples: string[] = [];
  let [injected, wrong, refused] = [0, 0, 0];
  const key = (leaves: readonly Leaf[]) => workKey(leaves as readonly Component[], hash);
  for (let i = 0; i < points; i++) {
    const [kind, make] = KINDS[Math.floor(random() * KINDS.length)]!;
    const pair = make(random);
    if ('refuse' in pair) {
      injected++;
      refused++;
      if (isRefused(() => key(pair.refuse))) continue;
    } else {
      if (plain(pair.a) === plain(pair.b)) continue;
      injected++;
      if (key(pair.a) !== key(pair.b)) continue;
    }
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    wrong++;
    if (examples.length < 12) examples.push(`${kind}: ${JSON.stringify(pair)}`);
  }
  return { points, injected, wrong, lost: 0, refused, blake3: hash.implementation, wrongByKind: byKind, examples };
}

function isRefused(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'integrity/encoding';
  }
}

/** One text for one input, by JSON; names in UTF-16 order, which only has to be some order. */
function plain(leaves: readonly Leaf[]): string {
  const rows = leaves.map(({ group, name, value }) =>
    JSON.stringify([group, name === undefined ? [] : [name], sorted(value)]),
  );
  return rows.sort().join('\n');
}

function sorted(value: Value): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(sorted)];
  if (typeof value !== 'object' || value === null) return value;
  const map = value as { readonly [name: string]: Value };
  return [
    'map',
    ...Object.keys(map)
      .sort()
      .map((name) => [name, sorted(map[name]!)]),
  ];
}

type Pair = { readonly a: Leaf[]; readonly b: Leaf[] } | { readonly refuse: Leaf[] };

const LETTERS = [
  'a',
  'b',
  '1',
  '0',
  ':',
  's',
  'i',
  'l',
  'm',
  'n',
  't',
  '"',
  '\\',
  '\0',
  '.',
  '/',
  'é',
  '\u0301',
  '日',
  '\u{1F600}',
  '\uFFFD',
  ' ',
];
const GROUPS = ['command', 'params', 'each', 'values', 'files', 'paths', 'env', 'seed', 'key', 'scope'];

const text = (random: Random, max = 5): string =>
  Array.from({ length: Math.floor(random() * (max + 1)) }, () => pick(random, LETTERS)).join('');
/** Half of one character would be a lone surrogate: texts are cut between characters. */
const cut = (random: Random, whole: string): [string, string] => {
  const chars = [...whole];
  const at = Math.floor(random() * (chars.length + 1));
  return [chars.slice(0, at).join(''), chars.slice(at).join('')];
};
const leaf = (value: Value, group = 'values', name: string | undefined = 'x'): Leaf =>
  name === undefined ? { group, value } : { group, name, value };

const LOOKALIKES: readonly Value[] = [
  ...[null, 'null', '', [], {}, [''], [null], { '': '' }, [[]], [{}]],
  ...[true, 'true', 1, '1', [1], ['1'], { '1': 1 }, 't', 'i1:1', 's1:1', 'l1:', 'm1:'],
  ...[false, 'false', 0, '0', 'f', 'n', 0.5, '0.5', -1, '-1'],
  ...[Number.MAX_SAFE_INTEGER, String(Number.MAX_SAFE_INTEGER), '9007199254740993'],
];
const REFUSED: readonly unknown[] = [
  2 ** 53,
  -(2 ** 53),
  9007199254740992,
  1e21,
  1e300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  undefined,
];
const LONE = ['\ud800', 'a\udbff', '\udc00b', '\udfff', '\ude00\ud83d'];

const KINDS: readonly (readonly [string, (random: Random) => Pair])[] = [
  // The same characters, with the border between two neighbours moved.
  [
    'border in a list',
    (r) => {
      const whole = text(r, 8);
      return { a: [leaf(cut(r, whole))], b: [leaf(cut(r, whole))] };
    },
  ],
  [
    'border between a name and its value',
    (r) => {
      const whole = text(r, 8);
      const [[n1, v1], [n2, v2]] = [cut(r, whole), cut(r, whole)];
      return { a: [leaf({ [n1]: v1 })], b: [leaf({ [n2]: v2 })] };
    },
  ],
  [
    'border between component and value',
    (r) => {
      const whole = text(r, 8);
      const [[n1, v1], [n2, v2]] = [cut(r, whole), cut(r, whole)];
      return { a: [leaf(v1, 'env', n1)], b: [leaf(v2, 'env', n2)] };
    },
  ],
  [
    'border between list items of a list',
    (r) => {
      const items = Array.from({ length: 1 + Math.floor(r() * 4) }, () => text(r, 2));
      const at = Math.floor(r() * (items.length + 1));
      const to = Math.floor(r() * (items.length + 1));
      return { a: [leaf([items.slice(0, at), items.slice(at)])], b: [leaf([items.slice(0, to), items.slice(to)])] };
    },
  ],
  [
    'border of a leaf',
    (r) => {
      const [x, y] = [text(r, 3), text(r, 3)];
      return {
        a: [leaf(x, 'params', 'a'), leaf(y, 'params', 'b')],
        b: [leaf(x + y, 'params', 'a'), leaf('', 'params', 'b')],
      };
    },
  ],
  ['type', (r) => ({ a: [leaf(pick(r, LOOKALIKES))], b: [leaf(pick(r, LOOKALIKES))] })],
  [
    'group',
    (r) => {
      const [value, name] = [text(r), r() < 0.3 ? undefined : text(r, 3)];
      return { a: [leaf(value, pick(r, GROUPS), name)], b: [leaf(value, pick(r, GROUPS), name)] };
    },
  ],
  [
    'a leaf of a group, or the group itself',
    (r) => {
      const value = text(r);
      return { a: [{ group: 'env', value }], b: [leaf(value, 'env', pick(r, ['', ' ', '\0']))] };
    },
  ],
  [
    'order',
    (r) => {
      const items = Array.from({ length: 2 + Math.floor(r() * 3) }, () => text(r, 1));
      return { a: [leaf(items)], b: [leaf(items.toReversed())] };
    },
  ],
  [
    'big integers',
    (r) => {
      const n = Number.MAX_SAFE_INTEGER - Math.floor(r() * 4);
      const sign = r() < 0.5 ? 1 : -1;
      return { a: [leaf(sign * n)], b: [leaf(sign * (n - 1))] };
    },
  ],
  [
    'fractions one step apart',
    (r) => {
      const n = r() + 0.1;
      return { a: [leaf(n)], b: [leaf(n + Number.EPSILON)] };
    },
  ],
  [
    'normal forms',
    (r) => {
      const [x, y] = [text(r, 2), text(r, 2)];
      return { a: [leaf(`${x}\u00e9${y}`)], b: [leaf(`${x}e\u0301${y}`)] };
    },
  ],
  ['a replacement character', (r) => ({ a: [leaf(`${text(r, 2)}\uFFFD`)], b: [leaf(`${text(r, 2)}?`)] })],
  [
    'what cannot be written exactly',
    (r) => ({ refuse: [leaf(r() < 0.5 ? (pick(r, REFUSED) as Value) : [pick(r, REFUSED) as Value])] }),
  ],
  [
    'a lone surrogate',
    (r) => {
      const lone = text(r, 2) + pick(r, LONE);
      return { refuse: [pick(r, [leaf(lone), leaf({ [lone]: 1 }), leaf(1, 'env', lone), leaf([[lone]])])] };
    },
  ],
];

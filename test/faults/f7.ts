import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { Blobs } from '../../src/artifacts/blobs.js';
import { restore } from '../../src/artifacts/restore.js';
import type { Digest } from '../../src/core/brand.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { blake3 } from '../../src/hash.js';
import { pick, randomFrom } from '../conformance/random.js';
import type { Tally } from './campaign.js';

export const points = 100_000;
export const needsServer = false;

type Random = () => number;
type Row = readonly unknown[];

/**
 * F7 of LIMITS: lists that a hostile writer made, with digests that are right. Whatever they say, nothing outside the
 * target is touched; in it are plain files, folders, and links that stay inside; and what is refused leaves no trace.
 */
export async function campaign({ points, seed }: { readonly points: number; readonly seed: number }): Promise<Tally> {
  const random = randomFrom(seed);
  const outer = fs.mkdtempSync(join(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stepaside-f7-'));
  const examples: string[] = [];
  const byKind: Record<string, number> = {};
  let [injected, wrong, refused, restored] = [0, 0, 0, 0];
  try {
    fs.mkdirSync(join(outer, 'a', 'b'), { recursive: true });
    fs.writeFileSync(join(outer, 'canary'), 'alive', { mode: 0o600 });
    fs.writeFileSync(join(outer, 'a', 'x'), 'alive');
    const target = join(outer, 'a', 'b', 'target');
    const outside = stateOf(outer, target);
    for (let i = 0; i < points; i++) {
      const [kind, rows, counts] = attack(random, outer);
      injected += 1;
      const store = memoryStore();
      const put = async (folder: string, bytes: Buffer): Promise<string> => {
        const digest = blake3().digest(bytes);
        await store.write(`v1/${folder}/${digest[7]}/${digest}`, bytes);
        return digest;
      };
      for (const bytes of ['x', 'yy']) await put('chunks', Buffer.from(bytes));
      const page = await put('chunks', text([['stepaside/tree-page/1'], ...rows]));
      const digest = await put('artifacts', text([['stepaside/tree/1', ...(counts ?? countsOf(rows))], [page]]));
      let fault: string | undefined;
      try {
        await restore(await Blobs.open(store, blake3()), digest as Digest, target, { links: 'keep' });
        restored += 1;
        fault = strangeness(target);
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === undefined || !/^(integrity|store)\//.test(code)) fault = `crash: ${(error as Error).stack}`;
        else if (fs.existsSync(target)) fault = 'refused, and something is there';
        refused += 1;
      }
      fs.rmSync(target, { recursive: true, force: true });
      if (stateOf(outer, target) !== outside) fault = 'outside the target something changed';
      if (fault === undefined) continue;
      wrong += 1;
      byKind[kind] = (byKind[kind] ?? 0) + 1;
      if (examples.length < 12) examples.push(`${kind}: ${fault.slice(0, 300)}: ${JSON.stringify(rows).slice(0, 400)}`);
    }
  } finally {
    fs.rmSync(outer, { recursive: true, force: true });
  }
  return { points, injected, wrong, lost: 0, refused, restored, wrongByKind: byKind, examples };
}

const text = (rows: readonly Row[]): Buffer => Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

/** Of rows that may be anything. */
function countsOf(rows: readonly Row[]): readonly number[] {
  const of = (kind: string) => rows.filter((row) => row[0] === kind);
  const size = (row: Row) => (typeof row[3] === 'number' && row[3] > 0 ? row[3] : 0);
  return [of('f').length, of('d').length, of('l').length, of('f').reduce((sum, row) => sum + size(row), 0)];
}

const X = blake3().digest(Buffer.from('x'));
const Y = blake3().digest(Buffer.from('yy'));
const SEGMENTS = [
  'a',
  'b',
  'A',
  'B',
  'é',
  'e\u0301',
  'É',
  'ﬁ',
  'fi',
  'x',
  'l',
  '...',
  ' ',
  'CON',
  'a:b',
  'a\\b',
  '-',
  '\u202e',
  '_SUCCESS',
];
const EVIL = [
  '..',
  '.',
  '',
  '\0',
  '_stepaside.json',
  '.stepaside-tmp-1',
  '.nfs01',
  'n'.repeat(256),
  '\ud800',
  '/',
  '..\\..',
];

function path(random: Random, evil = 0): string {
  const length = 1 + Math.floor(random() * 4);
  return Array.from({ length }, () => pick(random, random() < evil ? EVIL : SEGMENTS)).join('/');
}

/** A list in which most is right, so that it gets far, and something is not. */
function attack(
  random: Random,
  outer: string,
): readonly [kind: string, rows: readonly Row[], counts?: readonly number[]] {
  const rows: Row[] = Array.from({ length: Math.floor(random() * 5) }, () =>
    random() < 0.8 ? ['f', path(random), 0o644, 1, X] : ['d', `${path(random)}/`],
  );
  const [kind, make] = pick(random, ATTACKS);
  const made = make(random, outer);
  rows.push(...made);
  // Mostly in order, as the reader asks for: else nothing but the order would ever be tried.
  if (random() < 0.95) rows.sort((a, b) => Buffer.compare(Buffer.from(String(a[1])), Buffer.from(String(b[1]))));
  const unique = rows.filter((row, i) => random() < 0.02 || String(row[1]) !== String(rows[i - 1]?.[1]));
  if (random() > 0.05) return [kind, unique];
  return [`${kind}, false counts`, unique, countsOf(unique).map((n) => pick(random, [n, n + 1, n - 1, -1, 1e15, 0.5]))];
}

const UPS = ['..', '../..', '../../..', '../../../../../../../../../..'];
const ATTACKS: readonly (readonly [string, (random: Random, outer: string) => readonly Row[]])[] = [
  [
    'a path that climbs',
    (r, outer) => [
      ['f', pick(r, [`${pick(r, UPS)}/canary`, `${outer}/canary`, `a/${pick(r, UPS)}/x`, path(r, 0.4)]), 0o644, 1, X],
    ],
  ],
  ['a folder that climbs', (r, outer) => [['d', `${pick(r, [`${pick(r, UPS)}/new`, `${outer}/new`, path(r, 0.4)])}/`]]],
  [
    'a link out, and a file through it',
    (r, outer) => {
      const name = pick(r, ['l', 'a', 'b']);
      return [
        ['l', name, pick(r, [...UPS, outer, `${outer}/a`, '.', '', 'b/../../..'])],
        ['f', `${name}/canary`, 0o644, 2, Y],
      ];
    },
  ],
  [
    'a chain of links',
    (r) => [
      ['l', 'a/b/c/one', pick(r, ['../../../t', '../../..', '..', '../x'])],
      ['l', 'two', pick(r, ['a/b/c/one/..', 'a/b/c/one/../..', 'a/b/c/one', 'a/b/../../..', 'one/../../canary'])],
      ...(r() < 0.5 ? [['f', 'two/canary', 0o644, 1, X]] : []),
    ],
  ],
  [
    'a link in place of a folder',
    (r) => [
      ['l', 'a', pick(r, ['b', 'x', 'a', './b'])],
      ['f', `a/${path(r)}`, 0o644, 1, X],
    ],
  ],
  [
    'a device or a pipe',
    (r) => [
      [
        pick(r, ['c', 'b', 'p', 's', 'h', 'F', '', 'constructor', '__proto__']),
        path(r),
        ...pick(r, [[1, 3], [0o644, 1, X], ['../canary'], []]),
      ],
    ],
  ],
  [
    'setuid and kin',
    (r) => [
      ['f', path(r), pick(r, [0o4755, 0o2755, 0o1777, 0o7777, 0o104755, -1, 2 ** 40, 1.5, '420', null, true]), 1, X],
    ],
  ],
  [
    'a wrong size',
    (r) => [
      [
        'f',
        path(r),
        0o644,
        pick(r, [-1, 2 ** 53, 2 ** 60, 1e300, 0.5, 0, 3, 2 ** 31, '1', null, 2 ** 50]),
        pick(r, [X, Y]),
      ],
    ],
  ],
  ['a bomb', (r) => [['f', path(r), 0o644, pick(r, [2 ** 40, 2 ** 50, 2 ** 52]), X, pick(r, [X, Y])]]],
  ['a chunk list that is none', (r) => [['f', path(r), 0o644, 8 * 2 ** 20 + 1, X, pick(r, [X, Y, 'x', '', null, 7])]]],
  [
    'a wrong digest',
    (r) => [
      [
        'f',
        path(r),
        0o644,
        1,
        pick(r, ['', 'md5-x', X.toUpperCase(), `${X}0`, `blake3-${'0'.repeat(64)}`, '../../canary', null, {}, []]),
      ],
    ],
  ],
  [
    'names that are one elsewhere',
    (r) => {
      const p = path(r);
      return [
        ['f', p, 0o644, 1, X],
        ['f', p.toUpperCase(), 0o644, 2, Y],
        ['f', p.normalize('NFD'), 0o644, 2, Y],
      ];
    },
  ],
  [
    'a file that is a folder',
    (r) => {
      const p = path(r);
      return [
        ['f', p, 0o644, 1, X],
        ['f', `${p}/x`, 0o644, 1, X],
        ['d', `${p}/`],
      ];
    },
  ],
  [
    'our own names',
    (r) => [
      ['f', pick(r, ['_stepaside.json', 'a/_stepaside.json', '.stepaside-tmp-9/x', '.nfs00', 'a/.nfsx']), 0o644, 1, X],
    ],
  ],
  [
    'a depth',
    (r) => [
      [
        'f',
        Array(pick(r, [100, 128, 129, 300]))
          .fill('d')
          .join('/'),
        0o644,
        1,
        X,
      ],
    ],
  ],
  [
    'a row that is none',
    (r) => [
      pick<Row>(r, [
        [],
        [[]],
        [['f']],
        ['f'],
        ['f', 'a'],
        ['f', {}, 0o644, 1, X],
        ['l', 'a'],
        ['l', 'a', 7],
        ['d', 'a'],
        ['f', 'a', 0o644, 1, X, X, X],
        [null],
        [-0],
      ]),
    ],
  ],
];

/** What has no place in a target; nothing if all is well. */
function strangeness(target: string, folder = target): string | undefined {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = join(folder, entry.name);
    if (entry.name === '_stepaside.json' || entry.name.startsWith('.stepaside-tmp-')) return `${entry.name} was made`;
    if (entry.isSymbolicLink()) {
      const leads = lead(target, full);
      if (leads !== undefined) return `${entry.name} leads to ${leads}`;
    } else if (entry.isDirectory()) {
      const fault = strangeness(target, full);
      if (fault !== undefined) return fault;
    } else if (!entry.isFile()) return `${entry.name} is no plain file`;
    else {
      const { mode, nlink } = fs.statSync(full);
      if ((mode & 0o7000) !== 0 || nlink !== 1) return `${entry.name} has mode ${mode.toString(8)} and ${nlink} names`;
      if (!['', 'x', 'yy'].includes(fs.readFileSync(full, 'latin1'))) return `${entry.name} has other bytes`;
    }
  }
  return undefined;
}

/** Where a link leads, if that is outside. */
function lead(target: string, link: string): string | undefined {
  let at: string;
  try {
    at = fs.realpathSync(link);
  } catch {
    // To nothing, or in a circle. Then the text has to do: its first step must stay inside.
    at = join(dirname(link), fs.readlinkSync(link));
    if (fs.readlinkSync(link).startsWith('/')) at = fs.readlinkSync(link);
  }
  return at === target || at.startsWith(target + sep) ? undefined : at;
}

/** Everything outside the target, as text: names, kinds, modes, sizes, contents. */
function stateOf(folder: string, target: string): string {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const full = join(folder, entry.name);
      if (full === target) return '';
      const { mode, nlink, size } = fs.lstatSync(full);
      if (entry.isDirectory()) return `${full} ${mode}\n${stateOf(full, target)}`;
      return `${full} ${mode} ${nlink} ${size} ${entry.isFile() ? fs.readFileSync(full, 'latin1') : ''}\n`;
    })
    .join('');
}

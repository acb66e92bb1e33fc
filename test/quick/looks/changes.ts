import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pick } from '../../conformance/random.js';
import { CONFIG, FLOW } from './world.js';

type Random = () => number;
type Change = (folder: string, random: Random) => void;

/** What people and programs do to a folder between two runs. */
export const CHANGES: Readonly<Record<string, Change>> = {
  'a byte of an input': (folder, random) => someFile(folder, random, ['in'], rewrite),
  'a byte of an output': (folder, random) => someFile(folder, random, ['out'], rewrite),
  'a byte, and its date set back': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (path) => {
      const { atime, mtime } = statSync(path);
      rewrite(path);
      utimesSync(path, atime, mtime);
    }),
  'a date alone': (folder, random) => someFile(folder, random, ['in', 'out'], (path) => utimesSync(path, 1, 1)),
  'a file in the place of another': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (path) => {
      const { atime, mtime } = statSync(path);
      cpSync(path, join(folder, 'swapped'));
      rewrite(join(folder, 'swapped'));
      utimesSync(join(folder, 'swapped'), atime, mtime);
      renameSync(join(folder, 'swapped'), path);
    }),
  'a file that is longer': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (path) => writeFileSync(path, 'more', { flag: 'a' })),
  'an input came': (folder, random) => put(folder, `in/${pick(random, ['new', 'sub/new.x', 'deeper/new.x'])}`),
  'a part came': (folder, random) => {
    const tree = someTree(folder, random);
    if (tree) put(folder, `${tree}/${pick(random, ['x', 'deep/x', '_temporary/0/x', '.hidden', '_SUCCESS', 'a/b'])}`);
  },
  'a folder came': (folder, random) => {
    const tree = someTree(folder, random) ?? 'in';
    mkdirSync(join(folder, tree, pick(random, ['empty', '_temporary'])), { recursive: true });
  },
  'something is gone': (folder, random) => someFile(folder, random, ['in', 'out'], (path) => rmSync(path)),
  'a tree is gone': (folder, random) => {
    const tree = someTree(folder, random);
    if (tree) rmSync(join(folder, tree), { recursive: true });
  },
  'a file was moved': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (path) => renameSync(path, `${path}-moved`)),
  'two files changed places': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (one) =>
      someFile(folder, random, ['in', 'out'], (other) => {
        renameSync(one, join(folder, 'third'));
        if (other !== one) renameSync(other, one);
        renameSync(join(folder, 'third'), other);
      }),
    ),
  'a folder was moved away and back as a copy': (folder, random) => {
    const inner = join(folder, pick(random, ['in', 'out']));
    if (!existsSync(inner)) return;
    cpSync(inner, `${inner}-copy`, { recursive: true, preserveTimestamps: true });
    rmSync(inner, { recursive: true });
    renameSync(`${inner}-copy`, inner);
  },
  'a folder is a link to where it is now': (folder, random) => {
    const inner = join(folder, pick(random, ['in', 'out']));
    if (!existsSync(inner) || existsSync(`${inner}-real`)) return;
    renameSync(inner, `${inner}-real`);
    symlinkSync(`${inner}-real`, inner);
  },
  'a file is a link to another': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (path) => {
      if (lstatSync(path).isSymbolicLink()) return;
      cpSync(path, join(folder, 'linked'));
      rmSync(path);
      symlinkSync(join(folder, 'linked'), path);
    }),
  'the workflow says something else': (folder, random) => flow(folder, /"v(\d+)"/g, random),
  'a parameter that nobody uses': (folder, random) => flow(folder, /p: (\d+)/g, random),
  'a line in the workflow': (folder) => writeFileSync(join(folder, FLOW), '# a line\n', { flag: 'a' }),
  'a config came or went': (folder, random) => {
    const path = join(folder, CONFIG);
    if (existsSync(path)) rmSync(path);
    else writeFileSync(path, pick(random, ['limits: { maxAge: 1s }\n', 'limits: { maxAge: 9d }\n', '{}\n']));
  },
  'an epoch passed': (folder, random) => {
    if (existsSync(join(folder, '.stepaside/v1/epoch')))
      writeFileSync(join(folder, '.stepaside/v1/epoch'), String(random()));
  },
  'rights of a file': (folder, random) =>
    someFile(folder, random, ['in', 'out'], (path) => chmodSync(path, pick(random, [0o600, 0o644, 0o755]))),
  'a second name for an input': (folder, random) =>
    someFile(folder, random, ['in'], (path) => {
      rmSync(join(folder, 'second'), { force: true });
      linkSync(path, join(folder, 'second'));
    }),
};

/** After these a hint that is not believed has been left for nothing. */
export const HARMLESS: Readonly<Record<string, Change>> = {
  nothing: () => undefined,
  'something nobody asked about': (folder) => put(folder, 'README'),
  'rights of a file that nobody reads': (folder) => chmodSync(join(folder, 'other'), 0o600),
  'a folder nobody looks into': (folder) => put(folder, 'elsewhere/in/a'),
};

function put(folder: string, name: string): void {
  const path = join(folder, name);
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'new');
  } catch (error) {
    // A file stands where a folder would have to be, or the other way round: then nothing came.
    if (!['EEXIST', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code!)) throw error;
  }
}

/** Same size, so that only dates and inodes tell. */
function rewrite(path: string): void {
  const bytes = readFileSync(path);
  if (bytes.length > 0) bytes[0]! ^= 1;
  writeFileSync(path, bytes.length > 0 ? bytes : 'x');
}

function flow(folder: string, pattern: RegExp, random: Random): void {
  const path = join(folder, FLOW);
  const text = readFileSync(path, 'utf8');
  const found = pick(random, [...text.matchAll(pattern)]);
  const more = found[0].replace(found[1]!, String(Number(found[1]) + 1));
  writeFileSync(path, text.slice(0, found.index) + more + text.slice(found.index + found[0].length));
}

function someFile(folder: string, random: Random, below: readonly string[], act: (path: string) => void): void {
  const all = filesBelow(join(folder, pick(random, below)));
  if (all.length > 0) act(pick(random, all));
}

function someTree(folder: string, random: Random): string | undefined {
  if (!existsSync(join(folder, 'out'))) return undefined;
  const trees = readdirSync(join(folder, 'out')).filter((name) => name.startsWith('t'));
  return trees.length === 0 ? undefined : `out/${pick(random, trees)}`;
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .sort();
}

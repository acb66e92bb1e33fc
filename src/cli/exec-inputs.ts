import { type Stats, statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { StoreError } from '../core/error.js';
import { UsageError } from './command.js';

/** More than this is hardly meant as the input of one command. */
const MAX_FILES = 10_000;

/** Words of a command, and the parts behind `=` of them, that may name files or folders. */
function* namesIn(argv: readonly string[]): Generator<string> {
  for (const word of argv)
    for (const name of [word, word.slice(word.indexOf('=') + 1)])
      if (name !== '' && !name.includes('\0') && !name.includes('://')) yield name;
}

/** Words of a command, and the parts behind `=` of them, that name files or folders outside its outputs. */
export async function inputsOfWords(
  argv: readonly string[],
  { folder, outputs }: { readonly folder: string; readonly outputs: readonly string[] },
): Promise<readonly string[]> {
  const own = outputs.filter((path) => !path.includes('://')).map((path) => resolve(folder, path));
  const found = new Set<string>();
  for (const name of namesIn(argv)) {
    const path = resolve(folder, name);
    if (!statsOf(path)) continue;
    if (own.some((output) => path === output || path.startsWith(`${output}/`) || output.startsWith(`${path}/`)))
      continue;
    found.add(path);
  }
  const files = await Promise.all([...found].map((path) => filesOf(path, folder)));
  const all = [...new Set(files.flat())];
  if (all.length > MAX_FILES)
    throw new UsageError(
      `the command's words name ${all.length} files: more than ${MAX_FILES} are not hashed unasked`,
      'name what it reads with --input, or give --key or --no-inputs',
    );
  return all;
}

/** What the answer hung on besides the files that were found: words that name nothing now, and folders. */
export function lookedForIn(argv: readonly string[], { folder }: { readonly folder: string }) {
  const absent: string[] = [];
  const folders: string[] = [];
  for (const name of namesIn(argv)) {
    const path = resolve(folder, name);
    const stats = statsOf(path);
    if (!stats) absent.push(path);
    else if (stats.isDirectory()) folders.push(path);
  }
  return { absent, folders };
}

async function filesOf(path: string, folder: string): Promise<readonly string[]> {
  const name = relative(folder, path) || '.';
  if (!statsOf(path)?.isDirectory()) return [escaped(name)];
  const { default: fastGlob } = await import('fast-glob');
  const below = await fastGlob.glob('**', { cwd: path, dot: true, onlyFiles: true });
  return below.map((file) => escaped(name === '.' ? file : `${name}/${file}`));
}

const NO_FILE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES', 'EINVAL']);

/** A word that cannot be looked at may be a file: a key without it would stand for less than the command reads. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (NO_FILE.has(code)) return undefined;
    const message = `${path}: nobody can tell whether it is a file (${code} in stat)`;
    throw new StoreError('store/unavailable', message, { store: path, status: code }, { cause: error });
  }
}

/** File names are no patterns. */
function escaped(name: string): string {
  return name.replace(/[\\*?[\]{}()!+@|]/g, '\\$&');
}

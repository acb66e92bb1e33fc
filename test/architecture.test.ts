import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const src = join(root, 'src');
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
  .sort();

/** Who may import whom. The direction is cli -> preset -> engine -> artifacts, look -> store -> core; only preset knows the drivers. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  hash: ['core'],
  holder: ['core'],
  spec: ['core', 'spec'],
  store: ['core', 'store'],
  drivers: ['core', 'store', 'drivers'],
  look: ['core', 'hash', 'store', 'look'],
  artifacts: ['core', 'hash', 'holder', 'store', 'artifacts'],
  engine: ['core', 'hash', 'holder', 'store', 'artifacts', 'look', 'engine'],
  keeper: ['core', 'artifacts', 'engine'],
  preset: ['core', 'hash', 'store', 'drivers', 'artifacts', 'look', 'engine'],
  'open-engine': ['core', 'artifacts', 'engine', 'holder', 'keeper', 'look', 'preset'],
  heart: ['store', 'engine', 'preset', 'open-engine'],
  quick: ['core', 'hash', 'quick'],
  cli: [
    'core',
    'hash',
    'holder',
    'keeper',
    'spec',
    'store',
    'artifacts',
    'look',
    'engine',
    'quick',
    'preset',
    'open-engine',
    'cli',
  ],
  start: ['core', 'quick', 'cli'],
  library: ['core', 'spec', 'engine', 'preset', 'open-engine'],
  index: ['core', 'hash', 'library', 'spec', 'store', 'look', 'engine', 'preset'],
};

const roomOf = (name: string): string => name.split('/', 1)[0]!.replace(/\.ts$/, '');

interface Import {
  readonly target: string;
  readonly dynamic: boolean;
  readonly typeOnly: boolean;
}

function importsOf(text: string): readonly Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'/gms)) {
    found.push({ target: match[2]!, dynamic: false, typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/^import\s+'([^']+)'/gm))
    found.push({ target: match[1]!, dynamic: false, typeOnly: false });
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g))
    found.push({ target: match[1]!, dynamic: true, typeOnly: false });
  return found;
}

const files = sources.map((name) => {
  const text = readFileSync(join(src, name), 'utf8');
  return { name, text, imports: importsOf(text) };
});

describe('the house', () => {
  it('has only the rooms it knows', () => {
    expect([...new Set(files.map(({ name }) => roomOf(name)))].filter((room) => !(room in ROOMS))).toEqual([]);
  });

  it('keeps its direction: no room imports what stands above it', () => {
    const wrong = files.flatMap(({ name, imports }) =>
      imports
        .filter(({ target }) => target.startsWith('.'))
        .map(({ target }) => relative(src, resolve(src, dirname(name), target)).replace(/\.js$/, '.ts'))
        .filter((target) => !ROOMS[roomOf(name)]!.includes(roomOf(target)))
        .map((target) => `${name} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('sees every import that a file has', () => {
    for (const { name, text, imports } of files) {
      const lines = text
        .split('\n')
        .filter((line) => /^import\b|^\} from '|^export .* from '/.test(line) && !/^import .*[{,]$/.test(line));
      expect(imports.filter(({ dynamic }) => !dynamic).length, name).toBe(lines.length);
    }
  });

  it('has a pure core: nothing but itself, no clock, no chance, no process, nothing asynchronous', () => {
    const impure =
      /\b(async|await|process|setTimeout|setInterval|Promise|console|Math\.random|Date\.now|performance|globalThis)\b|\brequire\(|new Date\(\)/;
    for (const { name, text, imports } of files.filter(({ name }) => roomOf(name) === 'core')) {
      expect(
        imports.filter(({ target }) => !target.startsWith('./')),
        name,
      ).toEqual([]);
      const code = text
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
        .replace(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, "''");
      expect(
        code.split('\n').filter((line) => impure.test(line)),
        name,
      ).toEqual([]);
    }
  });

  it('loads heavy libraries only when they are needed', () => {
    const heavy = /^(@aws-sdk|@smithy|fast-glob|minio)/;
    const eager = files.flatMap(({ name, imports }) =>
      imports
        .filter(({ target, dynamic, typeOnly }) => heavy.test(target) && !dynamic && !typeOnly)
        .map(({ target }) => `${name} -> ${target}`),
    );
    expect(eager).toEqual([]);
    const schemas = files.flatMap(({ name, imports }) =>
      imports.some(({ target }) => target === 'zod' || target === 'yaml') ? [roomOf(name)] : [],
    );
    expect(new Set(schemas)).toEqual(new Set(['spec']));
    const cli = files.filter(({ name }) => roomOf(name) === 'cli' || name === 'preset.ts');
    const light = ['../spec/suggest.js', '../spec/find-config.js'];
    const loaded = cli.flatMap(({ name, imports }) =>
      imports
        .filter(
          ({ target, dynamic, typeOnly }) =>
            target.includes('/spec/') && !dynamic && !typeOnly && !light.includes(target),
        )
        .map(({ target }) => `${name} -> ${target}`),
    );
    expect(loaded).toEqual([]);
  });

  it('holds sabotage in branches that the build can drop, and nowhere else', () => {
    for (const { name, text } of files) {
      for (const line of text.split('\n').filter((l) => l.includes('__SABOTAGE__')))
        expect(line, name).toMatch(/__SABOTAGE__ [!=]== '[a-z-]+'/);
    }
  });
});

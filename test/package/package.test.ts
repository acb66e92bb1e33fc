import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'stepaside-package-'));
const run = (program: string, words: string[], env: Record<string, string> = {}) =>
  execFileSync(program, words, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** The tarball as a stranger gets it, without the native BLAKE3 and without anybody's install scripts. */
beforeAll(() => {
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: root,
    stdio: 'ignore',
  });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  run('npm', ['install', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', `./${tarball}`]);
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const installed = join(folder, 'node_modules/stepaside');

describe('the package', () => {
  it('computes the golden vectors by the portable BLAKE3, in a plain Node script', () => {
    expect(existsSync(join(folder, 'node_modules/@napi-rs/blake-hash'))).toBe(false);
    copyFileSync(join(root, 'test/golden/keys.json'), join(folder, 'keys.json'));
    writeFileSync(
      join(folder, 'golden.mjs'),
      `import { readFileSync } from 'node:fs';
       import { blake3, workKey } from 'stepaside';
       const vectors = JSON.parse(readFileSync('keys.json', 'utf8'));
       const right = vectors.filter(({ components, key }) => workKey(components, blake3()) === key);
       console.log(blake3().implementation, right.length, vectors.length);`,
    );
    expect(run(process.execPath, ['golden.mjs'])).toBe('portable 1000 1000\n');
  });

  it('gives a command that works', () => {
    const command = join(folder, 'node_modules/.bin/stepaside');
    expect(run(command, ['check', 'keys.json'])).toMatch(/^present +keys\.json/);
    expect(run(command, ['--version']).trim()).toBe(
      (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    );
    writeFileSync(
      join(folder, 'stepaside.yaml'),
      'apiVersion: stepaside/v1\nkind: Workflow\nname: x\nsteps: [{ name: a, run: "true" }]\n',
    );
    expect(run(command, ['validate'])).toBe('stepaside.yaml: 1 step, no mistakes\n');
    expect(run(command, ['key'])).toMatch(/^a {2}blake3-/);
  });

  it('has types and the schema for editors', () => {
    expect(JSON.parse(readFileSync(join(installed, 'schema.json'), 'utf8'))).toMatchObject({
      type: 'object',
      title: 'Stepaside workflow',
    });
    expect(readFileSync(join(installed, 'dist/types/index.d.ts'), 'utf8')).toContain('workKey');
  });

  it('holds no sabotage and no tests', () => {
    const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /(^|\/)test\//.test(name))).toEqual([]);
    const sabotages = new Set<string>();
    for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((n) =>
      n.endsWith('.ts'),
    )) {
      for (const [, sabotage] of readFileSync(join(root, 'src', name), 'utf8').matchAll(
        /__SABOTAGE__ [!=]== '([a-z-]+)'/g,
      ))
        sabotages.add(sabotage!);
    }
    expect(sabotages.size).toBeGreaterThan(1);
    for (const name of names.filter((n) => n.endsWith('.js'))) {
      const text = readFileSync(join(installed, name), 'utf8');
      expect(text).not.toContain('__SABOTAGE__');
      for (const sabotage of sabotages) expect(text.includes(`"${sabotage}"`), `${sabotage} in ${name}`).toBe(false);
    }
  });
});

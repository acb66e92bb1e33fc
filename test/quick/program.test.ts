import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { folderWith } from '../rig/cli.js';

const dist = resolve(import.meta.dirname, '../../dist');

/** The command without what the build kept of its code. */
function unpacked() {
  const folder = folderWith();
  mkdirSync(join(folder, 'dist'));
  for (const name of ['stepaside.cjs', 'cli.cjs', 'check.cjs']) cpSync(join(dist, name), join(folder, 'dist', name));
  writeFileSync(join(folder, 'package.json'), '{"name":"stepaside","version":"0.0.1"}');
  const run = (words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'dist/stepaside.cjs'), ...words], {
      ...{ cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } },
    });
    return { status, stdout, stderr };
  };
  const version = () => run(['--version']);
  const code = () => readdirSync(join(folder, 'dist/code')).map((name) => join(folder, 'dist/code', name));
  return { folder, run, version, code };
}
const GOOD = { status: 0, stdout: '0.0.1\n', stderr: '' };

it('the build has kept the code of both programs', () => {
  const kept = readdirSync(join(dist, 'code')).map((name) => name.split('-')[0]);
  expect(kept).toEqual(expect.arrayContaining(['check', 'cli']));
});

it('the first run keeps what was made of a program, and the next one uses it', () => {
  const { folder, version, code } = unpacked();
  expect(version()).toEqual(GOOD);
  const [kept, ...others] = code();
  expect(others).toEqual([]);
  expect(version()).toEqual(GOOD);
  expect(code()).toEqual([kept]);
  // V8 does not look at the text again, as long as it has the same length: so much for what was used.
  const program = join(folder, 'dist/cli.cjs');
  const text = readFileSync(program, 'utf8');
  writeFileSync(program, text.replaceAll('--version', '--verzion'));
  expect(version()).toEqual(GOOD);
  rmSync(kept!);
  expect(version().status).toBe(2);
});

it('code that is damaged, cut or of another program is not used', () => {
  const { version, code } = unpacked();
  version();
  const [kept] = code();
  const good = readFileSync(kept!);
  for (const at of [5, 40, 1_000, good.length >> 1, good.length - 1]) {
    const bad = Buffer.from(good);
    bad[at]! ^= 4;
    writeFileSync(kept!, bad);
    expect(version()).toEqual(GOOD);
    // It was replaced by the next good one.
    expect(readFileSync(kept!).equals(bad)).toBe(false);
  }
  for (const size of [0, 31, 32, 1_000]) {
    truncateSync(kept!, size);
    expect(version()).toEqual(GOOD);
  }
});

it('where nobody may write nothing is kept, and nothing is said', () => {
  const { folder, version } = unpacked();
  // A file stands where the folder would be: that holds for root as well.
  writeFileSync(join(folder, 'dist/code'), '');
  expect(version()).toEqual(GOOD);
  expect(version()).toEqual(GOOD);
});

it('a command that turns the screws of V8 keeps code that the next one can use', () => {
  const { folder, run } = unpacked();
  const check = ['check', 'package.json', 'dist/cli.cjs'];
  const first = run(check);
  expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining('it is there') });
  const program = join(folder, 'dist/check.cjs');
  writeFileSync(program, readFileSync(program, 'utf8').replaceAll('it is there', 'it is THERE'));
  expect(run(check)).toEqual(first);
});

it('under flags of V8 which others set, code of its own', () => {
  const { run, version, code } = unpacked();
  const env = { NODE_OPTIONS: '--max-old-space-size=300' };
  for (let i = 0; i < 2; i++) {
    expect(version()).toEqual(GOOD);
    expect(run(['--version'], env)).toEqual(GOOD);
  }
  expect(code()).toHaveLength(2);
});

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';

const STEPS = `
  - name: words
    run: cat in/*.txt > words.txt
    inputs: { files: ["in/*.txt"] }
    outputs: [{ path: words.txt, atomic: true }]
  - name: tree
    needs: [words]
    run: mkdir -p out/deep && cp words.txt out/deep/part && touch out/_SUCCESS
    outputs: [{ path: out/, marker: _SUCCESS, mode: replace }]
`;
const LONG_AGO = new Date(Date.now() - 3_600_000);
const HINTS = '.stepaside/hints';

/** Beyond the time in which a change could bear the same date as the look. */
const aWhile = () => new Promise((done) => setTimeout(done, 2700));

/** Everything done, twice, so that a hint lies there. */
async function settled({ files = {}, words = ['run'] }: { files?: Record<string, string>; words?: string[] } = {}) {
  const cwd = folderWith({ 'in/a.txt': 'a', 'in/b.txt': 'b', 'stepaside.yaml': `name: w\nsteps:${STEPS}`, ...files });
  await stepaside(words, { cwd });
  await aWhile();
  await stepaside(words, { cwd });
  expect(readdirSync(join(cwd, HINTS))).toHaveLength(1);
  return { cwd, words };
}

const bin = resolve(import.meta.dirname, '../../dist/stepaside.cjs');
const probe = resolve(import.meta.dirname, 'loaded.cjs');

/** What a process loaded and what it looked at on the disk. */
function traced(words: readonly string[], cwd: string) {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', STEPASIDE_REGISTRIES: 'off' };
  const { stderr, status } = spawnSync(process.execPath, ['-r', probe, bin, ...words], { cwd, env, encoding: 'utf8' });
  const [said, trace] = stderr.split('\u0000');
  return { status, said, ...(JSON.parse(trace!) as { modules: string[]; required: string[]; paths: string[] }) };
}

const wentQuickly = ({ required }: { required: string[] }) => !required.some((file) => file.endsWith('cli.cjs'));

describe('what is done already', () => {
  it('is told by what was left the last time: the same words, and nothing is loaded or read that need not be', async () => {
    const { cwd } = await settled();
    const long = await stepaside(['run'], { cwd, env: { STEPASIDE_NO_HINTS: '1' } });
    const seen = traced(['run'], cwd);
    const timeless = (text: string) => text.replace(/in [\d.]+ m?s/, 'in no time');
    expect(timeless(seen.said!)).toBe(timeless(long.stderr));
    expect(seen.status).toBe(0);
    expect(wentQuickly(seen)).toBe(true);
    expect(seen.required).toEqual([bin]);
    expect(
      seen.modules.filter((name) =>
        /^(http|https|net|tls|crypto|zlib|stream|url|worker_threads|child_process)$/.test(name),
      ),
    ).toEqual([]);
    const hint = readdirSync(join(cwd, HINTS))[0]!;
    expect([...new Set(seen.paths)].sort()).toEqual(
      [
        '.stepaside/v1/epoch',
        join(HINTS, hint),
        '/proc/sys/kernel/random/boot_id',
        ...['in', 'in/a.txt', 'in/b.txt', 'out', 'out/_SUCCESS', 'out/deep', 'out/deep/part', 'words.txt'],
        'stepaside.yaml',
        ...configsUpward(cwd),
      ].sort(),
    );
  });

  it('is told of a single command, too', async () => {
    const words = ['exec', '--output', 'copy.txt', '--', 'cp', 'in/a.txt', 'copy.txt'];
    const { cwd } = await settled({ words });
    const seen = traced(words, cwd);
    expect(wentQuickly(seen)).toBe(true);
    expect(seen.said).toMatch(/^skip +exec +parts-match/);
    writeFileSync(join(cwd, 'cp'), 'a word of the command is a file now');
    expect(wentQuickly(traced(words, cwd))).toBe(false);
  });

  const changes: Record<string, (cwd: string) => void> = {
    'an input was changed and kept its size and date': (cwd) => {
      writeFileSync(join(cwd, 'in/a.txt'), 'z');
      utimesSync(join(cwd, 'in/a.txt'), LONG_AGO, LONG_AGO);
    },
    'an input came': (cwd) => writeFileSync(join(cwd, 'in/c.txt'), 'c'),
    'an output was changed': (cwd) => writeFileSync(join(cwd, 'words.txt'), 'xx'),
    'an output is gone': (cwd) => rmSync(join(cwd, 'words.txt')),
    'a part came, deep in a tree': (cwd) => writeFileSync(join(cwd, 'out/deep/extra'), ''),
    'a marker is gone': (cwd) => rmSync(join(cwd, 'out/_SUCCESS')),
    'somebody began to write': (cwd) => mkdirSync(join(cwd, 'out/_temporary')),
    'the workflow was changed': (cwd) => {
      const file = join(cwd, 'stepaside.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replace('cat in', 'cat  in'));
    },
    'a config came': (cwd) => writeFileSync(join(cwd, 'stepaside.config.yaml'), 'limits: { maxAge: 1s }\n'),
    'a record was invalidated': (cwd) =>
      void execFileSync(process.execPath, [bin, 'invalidate', '--step', 'words', '-q'], { cwd }),
    'another run of it was begun': (cwd) =>
      void execFileSync(process.execPath, [bin, 'run', 'words', '--force', '-q'], { cwd }),
    'the cache is gone': (cwd) => rmSync(join(cwd, '.stepaside/v1'), { recursive: true }),
    'the hint is torn': (cwd) => {
      // Also the one that the folder had under its first name.
      for (const name of readdirSync(join(cwd, HINTS))) {
        const file = join(cwd, HINTS, name);
        writeFileSync(file, readFileSync(file, 'utf8').slice(0, -100));
      }
    },
    'a folder was replaced by its copy': (cwd) => {
      execFileSync('cp', ['-a', 'out', 'copy'], { cwd });
      rmSync(join(cwd, 'out'), { recursive: true });
      renameSync(join(cwd, 'copy'), join(cwd, 'out'));
    },
  };
  it('is looked at the long way as soon as anything about it has changed', async () => {
    const { cwd } = await settled();
    const copies = Object.entries(changes).map(([what, change]) => ({ what, change, copy: join(folderWith(), 'w') }));
    for (const { copy } of copies) execFileSync('cp', ['-a', cwd, copy]);
    await aWhile();
    for (const { what, change, copy } of copies) {
      // Copied, so times and inodes are others: made good by a look.
      await stepaside(['run'], { cwd: copy });
      expect(wentQuickly(traced(['run'], copy)), `before ${what}`).toBe(true);
      change(copy);
      expect(wentQuickly(traced(['run'], copy)), what).toBe(false);
    }
  });

  it('is looked at the long way in other words, elsewhere, and with other settings', async () => {
    const { cwd } = await settled();
    for (const words of [['run', 'words'], ['run', '-k'], ['plan']])
      expect(wentQuickly(traced(words, cwd))).toBe(false);
    const elsewhere = traced(['run', '-f', join(cwd, 'stepaside.yaml')], resolve(cwd, 'in'));
    expect(wentQuickly(elsewhere)).toBe(false);
    expect(existsSync(join(cwd, 'in/.stepaside'))).toBe(false);
  });

  it('with --rehash every input is read again', async () => {
    const { cwd } = await settled({ words: ['run', '--rehash'] });
    expect(wentQuickly(traced(['run', '--rehash'], cwd))).toBe(true);
    const file = join(cwd, HINTS, readdirSync(join(cwd, HINTS))[0]!);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/blake3-[0-9a-f]/, 'blake3-x'));
    expect(wentQuickly(traced(['run', '--rehash'], cwd))).toBe(false);
  });

  it('leaves no hint while what it saw is younger than a moment, nor where a secret decides', async () => {
    const cwd = folderWith({ 'in/a.txt': 'a', 'stepaside.yaml': `name: w\nsteps:${STEPS}` });
    for (let i = 0; i < 2; i++) await stepaside(['run'], { cwd });
    expect(existsSync(join(cwd, HINTS))).toBe(false);
    await aWhile();
    await stepaside(['run'], { cwd, env: { STEPASIDE_SECRET: 'x' } });
    expect(existsSync(join(cwd, HINTS))).toBe(false);
    const file = join(cwd, 'stepaside.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('name: w', 'name: w\nparams: { token: { secret: true } }'));
    await aWhile();
    for (let i = 0; i < 2; i++) await stepaside(['run', '--param', 'token=hidden'], { cwd });
    expect(existsSync(join(cwd, HINTS))).toBe(false);
  });
});

it('leaves no hint where a tag decides: it may stand for another image by now', async () => {
  const engine = '#!/bin/sh\n[ "$1" = run ] || exit 1\nwhile [ "$1" != tool:1 ]; do shift; done\nshift\nexec "$@"\n';
  const flow = (image: string) =>
    `name: w\nsteps:\n  - name: made\n    image: ${image}\n    run: [touch, made]\n    outputs: [{ path: made, atomic: true }]\n`;
  const cwd = folderWith({ docker: engine, 'stepaside.yaml': flow('tool:1') });
  chmodSync(join(cwd, 'docker'), 0o755);
  const env = { PATH: `${cwd}:${process.env['PATH']}` };
  await stepaside(['run'], { cwd, env });
  await aWhile();
  expect((await stepaside(['run'], { cwd, env })).stderr).toContain('1 avoided');
  expect(existsSync(join(cwd, HINTS))).toBe(false);
});

function configsUpward(cwd: string): string[] {
  const depth = cwd.split('/').length;
  return Array.from({ length: depth }, (_, i) => join('../'.repeat(i) || '.', 'stepaside.config.yaml'));
}

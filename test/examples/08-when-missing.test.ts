import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { example } from './example.js';

const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');

it('runs the commands of a Makefile once, and again only what is not proven', () => {
  const { folder, lines } = example('08-when-missing');
  const make = () =>
    execFileSync('make', ['-s', `STEPASIDE=${process.execPath} ${cli}`, 'model', 'report'], {
      cwd: folder,
      stdio: 'pipe',
    });
  make();
  expect(lines('runs.log')).toEqual(['train.sh --seed=42', 'report.sh']);
  make();
  expect(lines('runs.log')).toHaveLength(2);
  appendFileSync(join(folder, 'train.sh'), '# a better one\n');
  make();
  expect(lines('runs.log').slice(2)).toEqual(['train.sh --seed=42']);
  rmSync(join(folder, 'report/_SUCCESS'));
  make();
  expect(lines('runs.log').slice(3)).toEqual(['report.sh']);
});

it('looks from a crontab, and runs if the marker is surely not there', async () => {
  const { lines, read, stepaside } = example('08-when-missing');
  const [, line] = /npx stepaside (exec .*)/.exec(read('crontab')) ?? [];
  for (const _ of [1, 2]) expect(await stepaside(line!.split(' '))).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(lines('runs.log')).toEqual(['report.sh']);
});

import fs from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type LitterOptions, litterIn, removeLitter } from '../../src/artifacts/litter.js';
import { folderWith } from '../rig/cli.js';

const DAY = 86_400_000;
const LEFT = '.stepaside-tmp-123-0123456789abcdef';

async function found(path: string, options: Partial<LitterOptions> = {}, deep = false) {
  const all: { key: string; kind: string; size: number }[] = [];
  for await (const one of litterIn([{ path, deep }], { graceMs: 1000, now: () => Date.now() + 2 * DAY, ...options })) {
    all.push({ key: one.key.slice(path.length + 1), kind: one.kind, size: one.size });
    await removeLitter(one);
  }
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}

it('takes what we left, old enough and by its exact name, and no link leads it elsewhere', async () => {
  const folder = folderWith({
    [LEFT]: '123',
    [`sub/${LEFT}/new/a`]: '12345',
    'sub/.stepaside-tmp-trash/1700000000000-7-abc/x': '1',
    'sub/.stepaside-tmp-trash/notes': 'of somebody',
    '.stepaside-tmp-123-0123456789abcdeg': '',
    '.stepaside-tmp-x': '',
    'elsewhere/precious': '',
  });
  fs.symlinkSync(join(folder, 'elsewhere'), join(folder, '.stepaside-tmp-5-0000000000000000'));
  fs.symlinkSync(join(folder, 'elsewhere'), join(folder, '.stepaside-tmp-trash'));
  expect(await found(folder)).toEqual(
    [
      { key: LEFT, kind: 'temporary', size: 3 },
      { key: '.stepaside-tmp-5-0000000000000000', kind: 'temporary', size: 0 },
    ].sort((a, b) => (a.key < b.key ? -1 : 1)),
  );
  expect(await found(folder, {}, true)).toEqual([
    { key: 'sub/.stepaside-tmp-123-0123456789abcdef', kind: 'temporary', size: 5 },
    { key: 'sub/.stepaside-tmp-trash/1700000000000-7-abc', kind: 'trash', size: 1 },
  ]);
  expect(
    ['', 'elsewhere', 'sub', 'sub/.stepaside-tmp-trash']
      .flatMap((name) => fs.readdirSync(join(folder, name)).map((one) => join(name, one)))
      .sort(),
  ).toEqual([
    '.stepaside-tmp-123-0123456789abcdeg',
    '.stepaside-tmp-trash',
    '.stepaside-tmp-x',
    'elsewhere',
    'elsewhere/precious',
    'sub',
    'sub/.stepaside-tmp-trash',
    'sub/.stepaside-tmp-trash/notes',
  ]);
});

it('what is young stays: trash by the grace, what may be in use for a day at least, by the newest thing in it', async () => {
  const now = Date.now();
  const folder = folderWith({
    [`${LEFT}/new/deep/a`]: '',
    [`.stepaside-tmp-trash/${now}-7-abc/x`]: '',
    [`.stepaside-tmp-trash/${now - 10 * DAY}-7-abc/x`]: '',
  });
  const kept = { graceMs: 5 * DAY, now: () => now };
  expect(await found(folder, kept)).toMatchObject([{ kind: 'trash' }]);
  expect(await found(folder, { graceMs: 0, now: () => now + DAY / 2 })).toMatchObject([{ kind: 'trash' }]);
  expect(await found(folder, { graceMs: 0, now: () => now + DAY + 10_000 })).toMatchObject([{ kind: 'temporary' }]);
});

it('what is not there has no litter', async () => {
  const folder = folderWith({ file: '' });
  expect(await found(join(folder, 'gone'))).toEqual([]);
  expect(await found(join(folder, 'file'))).toEqual([]);
});

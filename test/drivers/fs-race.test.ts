import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundled, scratch } from './fs-rig.js';

const folder = scratch();
const run = promisify(execFile);

test('20 processes race for 200 keys: each has one winner, and its bytes', async () => {
  const racer = await bundled('fs-racer.ts', folder());
  const root = folder();
  const start = Date.now() + 2_000;
  const racers = Array.from({ length: 20 }, (_, i) => `racer-${i}`);
  const won = await Promise.all(
    racers.map(async (name) => {
      const { stdout } = await run(process.execPath, [racer, root, name, '200', String(start)]);
      return (JSON.parse(stdout) as number[]).map((key) => ({ key, name }));
    }),
  );
  const winners = won.flat().sort((a, b) => a.key - b.key);
  expect(winners.map(({ key }) => key)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  for (const { key, name } of winners)
    expect(readFileSync(join(root, 'slots', `${key}`), 'utf8')).toBe(`${name} ${key}`);
  expect(readdirSync(join(root, 'slots'))).toHaveLength(200);
  expect(new Set(winners.map(({ name }) => name)).size).toBeGreaterThan(1);
});

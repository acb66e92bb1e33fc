import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { example } from './example.js';

const day = ['-p', 'date=2024-01-02'];

it('checks a day that is done and one that is not', async () => {
  const { stepaside } = example('01-path-not-exists');
  const done = await stepaside(['check', '-f', 'stepaside.yaml']);
  expect([done.code, done.stdout.match(/present/g)?.length]).toEqual([0, 4]);
  const open = await stepaside(['check', '-f', 'stepaside.yaml', ...day]);
  expect([open.code, open.stdout.match(/absent/g)?.length]).toEqual([10, 4]);
  expect((await stepaside(['check', 'lake/clean/dt=2024-01-01/', '--marker', '_SUCCESS'])).code).toBe(0);
  expect((await stepaside(['validate'])).stdout).toContain('3 steps, no mistakes');
});

it('avoids what is there before the first run, and what the first run made', async () => {
  const { run } = example('01-path-not-exists');
  expect(await run()).toEqual({ ran: 0, avoided: 3 });
  expect(await run(day)).toEqual({ ran: 3, avoided: 0 });
  expect(await run(day)).toEqual({ ran: 0, avoided: 3 });
});

it('runs the report if one of its two places is absent, or the marker says something else', async () => {
  const { folder, run, read } = example('01-path-not-exists');
  const report = join(folder, 'lake/report/dt=2024-01-01/report.csv');
  const raw = () => statSync(join(folder, 'lake/raw/dt=2024-01-01/part-00000.csv')).mtimeMs;
  const before = raw();
  rmSync(report);
  expect(await run()).toEqual({ ran: 1, avoided: 2 });
  expect(await run()).toEqual({ ran: 0, avoided: 3 });
  const v2 = ['-p', 'version=v2'];
  expect(await run(v2)).toEqual({ ran: 1, avoided: 2 });
  expect(read('lake/report/dt=2024-01-01/VERSION')).toBe('v2\n');
  expect(await run(v2)).toEqual({ ran: 0, avoided: 3 });
  expect(raw()).toBe(before);
});

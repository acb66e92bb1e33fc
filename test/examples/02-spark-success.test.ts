import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { example } from './example.js';

const table = 'lake/clean/dt=2024-01-01';
const part = String.raw`part-0000\d-[0-9a-f-]{36}-c000\.snappy\.parquet`;

it('believes a record, or where there is none a complete _SUCCESS; without _SUCCESS it runs', async () => {
  const { folder, run, stepaside } = example('02-spark-success');
  // Spark draws a UUID for the names of every run, so the names count the runs.
  const names = () => readdirSync(join(folder, table)).sort();
  expect(await run()).toEqual({ ran: 1, avoided: 0 });
  const first = names();
  expect(first.filter((name) => new RegExp(`^${part}$`).test(name)).length).toBeGreaterThan(0);
  expect(first.filter((name) => new RegExp(`^\\.${part}\\.crc$`).test(name)).length).toBeGreaterThan(0);
  expect(first).toEqual(expect.arrayContaining(['_SUCCESS', '._SUCCESS.crc']));
  expect(statSync(join(folder, table, '_SUCCESS')).size).toBe(0);

  expect(await run()).toEqual({ ran: 0, avoided: 1 });
  expect(names()).toEqual(first);

  rmSync(join(folder, '.stepaside'), { recursive: true });
  expect((await stepaside(['plan'])).stdout).toContain('foreign-marker');
  expect(await run()).toEqual({ ran: 0, avoided: 1 });
  expect(names()).toEqual(first);

  rmSync(join(folder, table, '_SUCCESS'));
  expect(await run()).toEqual({ ran: 1, avoided: 0 });
  const second = names();
  expect(second).toHaveLength(first.length);
  expect(second.filter((name) => first.includes(name))).toEqual(['._SUCCESS.crc', '_SUCCESS']);
  expect(await run()).toEqual({ ran: 0, avoided: 1 });
});

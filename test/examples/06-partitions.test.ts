import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { example } from './example.js';

it('makes a month of partitions once, and then only the holes', async () => {
  const { folder, lines, run } = example('06-partitions');
  expect(await run()).toEqual({ ran: 29, avoided: 0 });
  expect(new Set(lines('runs.log')).size).toBe(29);

  expect(await run()).toEqual({ ran: 0, avoided: 29 });
  expect(lines('runs.log')).toHaveLength(29);

  const holes = ['2024-02-05', '2024-02-17', '2024-02-29'];
  for (const date of holes) rmSync(join(folder, `sales/dt=${date}`), { recursive: true });
  expect(await run()).toEqual({ ran: 3, avoided: 26 });
  expect(lines('runs.log').slice(29).sort()).toEqual(holes);
});

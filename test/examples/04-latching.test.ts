import { expect, it } from 'vitest';
import { example } from './example.js';

it('runs the step once for two who ask at once', async () => {
  const { lines, run } = example('04-latching');
  const both = await Promise.all([run(), run()]);
  expect(both.sort((a, b) => a.ran - b.ran)).toEqual([
    { ran: 0, avoided: 1 },
    { ran: 1, avoided: 0 },
  ]);
  expect(lines('runs.log')).toHaveLength(1);
  expect(await run()).toEqual({ ran: 0, avoided: 1 });
  expect(lines('runs.log')).toHaveLength(1);
});

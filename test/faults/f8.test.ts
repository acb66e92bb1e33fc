import { expect, it } from 'vitest';
import { campaign } from './f8.js';

it('F8: 100,000 pairs that differ in one thing have different keys, and what has no exact form is refused', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const tally = await campaign({ points: 100_000, seed });
  expect(tally, `seed ${seed}`).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(70_000);
});

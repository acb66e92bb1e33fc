import { expect, test } from 'vitest';
import { campaign } from './f9.js';

test('F9: wide, deep and impossible workflows in bounded memory; `npm run faults -- F9` is the long form', {
  timeout: 240_000,
}, async () => {
  const tally = await campaign({ points: 10_000, sabotage: '' });
  expect(tally.examples).toEqual([]);
  expect(tally.injected).toBe(14);
});

test('F9 finds a circle that is left out', { timeout: 240_000 }, async () => {
  const { examples } = await campaign({ points: 300, sabotage: 'circle-left-out' });
  expect(examples).toEqual([expect.stringMatching(/^circle by files, 30: accepted/)]);
});

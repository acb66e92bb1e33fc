import { expect, it } from 'vitest';
import { campaign } from './f9-listing.js';

it('F9: a prefix of 100,000 objects is looked at in as many requests as pages, and in bounded memory', async () => {
  const tally = await campaign({ points: 100_000 });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, injected: 2, pages: 100 });
}, 600_000);

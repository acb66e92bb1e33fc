import { expect, it } from 'vitest';
import { campaign, plantsFiles } from './f9-listing.js';

const objects = plantsFiles() ? 100_000 : 20_000;

it(`F9: a prefix of ${objects} objects is looked at in as many requests as pages, and in bounded memory`, async () => {
  const tally = await campaign({ points: objects });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, injected: 2, pages: objects / 1000 });
}, 600_000);

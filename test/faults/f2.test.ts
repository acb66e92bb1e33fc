import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { campaign } from './f2.js';

const SEEDS = 10_000;

it(`F2: ${SEEDS} histories of crashes, pauses and races, and nothing is skipped that is not done`, async () => {
  // The same each time, so that it never fails by chance; `npm run faults -- F2` draws others.
  const tally = await campaign({ points: SEEDS, seed: 1 });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(SEEDS * 0.8);
  // An engine that always runs would never be wrong: about as much has to be avoided as is run.
  const endings = tally['endings'] as Record<string, number>;
  expect(endings['avoided parts-match']).toBeGreaterThan(SEEDS);
}, 600_000);

it('F2: the oracle knows nothing of what it judges', () => {
  const imports = (name: string) =>
    [...readFileSync(join(import.meta.dirname, 'sim', name), 'utf8').matchAll(/from '([^']+)'/g)].map(
      ([, from]) => from,
    );
  expect(imports('oracle.ts')).toEqual(['./trace.js']);
  expect(imports('trace.ts')).toEqual([]);
});

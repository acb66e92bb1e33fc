import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { campaign } from './f2.js';
import { MUTANTS } from './sim/mutants.js';

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

it(`F2: each of ${MUTANTS.length} mutants of the engine is caught`, async () => {
  const run = join(import.meta.dirname, 'run.mjs');
  // The same seeds each time: which of them catch which mutant is luck, and a test must not depend on it.
  const words = [run, 'F2', '--mutants', '--points=6000', '--seed=1'];
  const { stdout } = await promisify(execFile)(process.execPath, words).catch((error: { stdout: string }) => error);
  const tally = JSON.parse(stdout) as { examples: string[]; caught: object };
  expect(tally.examples).toEqual([]);
  expect(Object.keys(tally.caught)).toEqual([...MUTANTS]);
}, 600_000);

it('F2: the oracle knows nothing of what it judges', () => {
  const imports = (name: string) =>
    [...readFileSync(join(import.meta.dirname, 'sim', name), 'utf8').matchAll(/from '([^']+)'/g)].map(
      ([, from]) => from,
    );
  expect(imports('oracle.ts')).toEqual(['./trace.js']);
  expect(imports('trace.ts')).toEqual([]);
});

it('F2: every mutant that is hunted is in the source', () => {
  const src = join(import.meta.dirname, '../../src');
  const found = ['engine', 'core', 'look', 'store'].flatMap((room) =>
    readdirSync(join(src, room))
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [...readFileSync(join(src, room, name), 'utf8').matchAll(/__SABOTAGE__ [!=]== '([a-z-]+)'/g)])
      .map(([, mutant]) => mutant!),
  );
  expect(found).toEqual(expect.arrayContaining([...MUTANTS]));
});

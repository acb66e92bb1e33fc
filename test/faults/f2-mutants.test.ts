import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { MUTANTS } from './sim/mutants.js';

it(`F2: each of ${MUTANTS.length} mutants of the engine is caught`, async () => {
  const run = join(import.meta.dirname, 'run.mjs');
  // The same seeds each time: which of them catch which mutant is luck, and a test must not depend on it.
  const words = [run, 'F2', '--mutants', '--points=6000', '--seed=1'];
  const { stdout } = await promisify(execFile)(process.execPath, words).catch((error: { stdout: string }) => error);
  const tally = JSON.parse(stdout) as { examples: string[]; caught: object };
  expect(tally.examples).toEqual([]);
  expect(Object.keys(tally.caught)).toEqual([...MUTANTS]);
}, 600_000);

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

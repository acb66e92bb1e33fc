import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { answer } from '../../src/quick/answer.js';
import { hintFile } from '../../src/quick/hint.js';
import { seedOfRun } from '../conformance/random.js';
import { campaign } from '../faults/quick.js';

/** `npm run faults -- quick` is the long form. */
const CASES = 250;
const seed = seedOfRun();

it(`short cuts say what the long way says, in ${CASES} workflows and states (STEPASIDE_SEED=${seed})`, async () => {
  const tally = await campaign({ points: CASES, seed, progress: () => undefined });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, needlessly: 0 });
  // A test in which no hint is left, or none is ever believed, shows nothing.
  expect(tally['hinted']).toBeGreaterThan(CASES * 0.5);
  expect(tally.injected).toBeGreaterThan(CASES * 0.1);
}, 300_000);

it('a hint that is believed whatever happened is found out', async () => {
  const gullible: typeof answer = ({ argv, cwd }) => {
    const file = hintFile('.', argv, cwd);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).said : undefined;
  };
  const tally = await campaign({ points: 100, seed, answer: gullible, progress: () => undefined });
  expect(tally.wrong).toBeGreaterThan(10);
}, 300_000);

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { seedOfRun } from '../conformance/random.js';
import { campaign as f5 } from './f5.js';
import { campaign as f7 } from './f7.js';
import { campaign as f9 } from './f9-artifacts.js';
import { campaign as f12 } from './f12.js';

/** The short forms; `npm run faults -- F5 F7` runs the long ones. */
const seed = seedOfRun();

it(`F5: no damaged list, index or pack gives other bytes (STEPASIDE_SEED=${seed})`, async () => {
  const tally = await f5({ points: 400, seed });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally['refused']).toBeGreaterThan(150);
}, 120_000);

it(`F7: no hostile list reaches out of its target (STEPASIDE_SEED=${seed})`, async () => {
  const tally = await f7({ points: 3000, seed });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  // A reader that refuses all would be safe and useless.
  expect(tally['restored']).toBeGreaterThan(150);
}, 120_000);

it(`F12: no record ever names what a sweeper took (STEPASIDE_SEED=${seed})`, async () => {
  const tally = await f12({ points: 400, seed });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  // A sweeper that never comes to sweep would do no harm.
  expect(tally['removed']).toBeGreaterThan(20);
}, 240_000);

it.each([
  // It ends with the first that is found, which takes some 2,500 acts: chance alone must not make it miss.
  ['F12', 'single-mark', 40_000],
  ['F12', 'uploads-unseen', 40_000],
  ['F5', 'unverified-blobs', 300],
  ['F5', 'unverified-lists', 900],
  ['F7', 'unchecked-paths', 1000],
  ['F7', 'unchecked-links', 1000],
  ['F7', 'unchecked-modes', 1000],
])(
  '%s notices the mistake %s',
  async (id, sabotage, points) => {
    const run = join(import.meta.dirname, 'run.mjs');
    const env = { ...process.env, STEPASIDE_SABOTAGE: sabotage };
    const words = [run, id, `--points=${points}`, '--seed=1'];
    const { stdout } = await promisify(execFile)(process.execPath, words, { env }).catch(
      (error: { stdout: string }) => error,
    );
    expect((JSON.parse(stdout) as { wrong: number }).wrong).toBeGreaterThan(0);
  },
  400_000,
);

it('F9: a file of 800 MiB and a tree of 8,000 files go in and out in 128 MiB, and less is noticed', async () => {
  const tally = await f9({ points: 8000 });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ points: 5, wrong: 0 });
  expect(await f9({ points: 100, limitMiB: 20 })).toMatchObject({ wrong: 5 });
}, 300_000);

import { expect, test } from 'vitest';
import { seedOfRun } from '../conformance/random.js';
import { rigServer } from '../rig/rig-server.js';
import { campaign as f3 } from './f3.js';
import { campaign as f4 } from './f4.js';
import { campaign as f11 } from './f11.js';

/** The short forms; `npm run faults -- F4 F11` runs the long ones. */
const seed = seedOfRun();

test(`F4: no wrong answer is accepted from a faulty network (STEPASIDE_SEED=${seed})`, async () => {
  const tally = await f4({ points: 300, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(40);
  // Nearly everything ends well behind retry and settle: a stack that refuses all would be safe and useless.
  expect(Number(tally['answered']) / tally.points).toBeGreaterThan(0.75);
});

test('F11: servers that are not what they seem are told apart', async () => {
  const tally = await f11({ points: 1, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(200);
});

test(`F3: one at a time, whoever is killed or stopped meanwhile (STEPASIDE_SEED=${seed})`, {
  timeout: 240_000,
}, async () => {
  const tally = await f3({ points: 16, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  // How many are hit hangs on how soon the first one ends; that all of them escape in both rounds, on luck nobody has.
  expect(tally.injected).toBeGreaterThan(0);
});

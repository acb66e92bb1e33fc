import { expect, test } from 'vitest';
import { rigServer } from '../rig/rig-server.js';
import { campaign as f1 } from './f1.js';
import { campaign as f1a } from './f1a.js';
import { campaign as f6 } from './f6.js';
import { campaign as f6a } from './f6a.js';
import { campaign as f10 } from './f10.js';

/** The short forms, the same points each time; `npm run faults -- F1 F6 F10` draws others, and more of them. */
const seed = 1;

test('F1: killed at a system call, nothing is wrong and nothing lost', {
  timeout: 240_000,
}, async () => {
  const tally = await f1({ points: 16, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(7);
});

test('F1a: killed while it puts, restores or sweeps, nothing promised is lost', {
  timeout: 240_000,
}, async () => {
  const tally = await f1a({ points: 16, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(7);
});

test('F6: a system call fails, and the command says so, and nothing is wrong', {
  timeout: 240_000,
}, async () => {
  const tally = await f6({ points: 16, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(7);
});

test('F6a: a system call of put, restore or gc fails, and whoever comes next succeeds', {
  timeout: 240_000,
}, async () => {
  const tally = await f6a({ points: 16, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ wrong: 0, lost: 0 });
  expect(tally.injected).toBeGreaterThan(7);
});

test('F10: no secret is repeated, however it came in', { timeout: 240_000 }, async () => {
  const tally = await f10({ points: 45, seed, server: rigServer() });
  expect(tally.examples).toEqual([]);
  expect(tally).toMatchObject({ injected: 45, wrong: 0 });
});

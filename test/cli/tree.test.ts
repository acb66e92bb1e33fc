import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cut } from '../../src/cli/live-lines.js';
import type { Paint } from '../../src/cli/terminal.js';
import { type Branch, Tree } from '../../src/cli/tree.js';
import type { Event, Outcome } from '../../src/engine/events.js';
import { folderWith } from '../rig/cli.js';

const plain = new Proxy({} as Paint, { get: () => (text: string) => text });
const BRANCHES: readonly Branch[] = [
  { step: 'fetch', instances: ['fetch'] },
  { step: 'day', below: 'fetch', instances: ['day[1]', 'day[2]', 'day[3]'] },
  { step: 'alone', instances: ['alone'] },
  { step: 'report', below: 'day', instances: ['report'] },
];
const avoided: Outcome = { status: 'avoided', verdict: { action: 'skip', reason: 'parts-match', because: [] } };
const failed: Outcome = {
  status: 'failed',
  verdict: { action: 'run', reason: 'no-record', because: [] },
  durationMs: 1200,
  exitCode: 2,
  why: 'it ended with exit code 2',
};
const begun = (step: string): Event => ({ type: 'step-begun', step, attempt: 1, try: 1 });
const ended = (step: string, outcome: Outcome): Event => ({ type: 'step-ended', step, outcome });

describe('the tree', () => {
  it('has each step below the first it needs, and of items the number and those that matter', () => {
    const tree = new Tree(BRANCHES, plain);
    tree.see(ended('fetch', avoided), 100);
    tree.see(begun('day[1]'), 100);
    tree.see(ended('day[2]', avoided), 100);
    tree.see(ended('day[3]', failed), 100);
    expect(tree.lines(2100)).toEqual([
      '✓ fetch  parts-match',
      '  ✗ day  1 failed, 1 running, 1 avoided',
      '    ✗ day[3]  1.2 s, it ended with exit code 2',
      '    ▸ day[1]  2.0 s',
      '    · report',
      '· alone',
    ]);
  });

  it('keeps what matters on a small screen and counts the rest', () => {
    const tree = new Tree(BRANCHES, plain);
    tree.see(ended('fetch', avoided), 0);
    for (const day of [1, 2, 3]) tree.see(begun(`day[${day}]`), 0);
    expect(tree.lines(0, 5)).toEqual([
      '  ▸ day  3 running',
      '    ▸ day[1]  0 ms',
      '    ▸ day[2]  0 ms',
      '    ▸ day[3]  0 ms',
      'and 2 to come, 1 avoided',
    ]);
    expect(tree.lines(0, 3)).toHaveLength(3);
  });

  it('does without letters that a terminal may not have, and sends it none that steer it', () => {
    const tree = new Tree([{ step: 'a\u001b[2J', instances: ['a\u001b[2J'] }], plain, false);
    expect(tree.lines(0)).toEqual(['. a\\u001b[2J']);
  });

  it('draws a hundred thousand steps one below the other', () => {
    const chain = Array.from({ length: 100_000 }, (_, i): Branch => {
      return { step: `s${i}`, instances: [`s${i}`], below: i === 0 ? undefined : `s${i - 1}` };
    });
    expect(new Tree(chain, plain).lines(0, 10)).toHaveLength(10);
  });

  it('cuts lines by what is seen of them', () => {
    expect(cut('\u001b[2mabc\u001b[0mdef', 4)).toBe('\u001b[2mabc\u001b[0md');
    expect(cut('日本語', 5)).toBe('日本');
  });
});

it('is drawn on a terminal only, and stands when the run has ended', () => {
  const cwd = folderWith({
    'stepaside.yaml': `name: w
steps:
  - { name: a, run: "sleep 0.5; echo a > a.txt", outputs: [{ path: a.txt, atomic: true }] }
  - { name: b, needs: [a], run: "cp a.txt b.txt", outputs: [{ path: b.txt, atomic: true }] }
`,
  });
  const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');
  const env = { PATH: process.env['PATH'], TERM: 'xterm', LANG: 'C.UTF-8', NO_COLOR: '1' };
  // `script` gives it a terminal of its own.
  const words = ['-qec', `stty rows 20 cols 60; "${process.execPath}" "${cli}" run`, '/dev/null'];
  const { stdout, status } = spawnSync('script', words, { cwd, env, encoding: 'utf8', input: '' });
  expect(status).toBe(0);
  const drawn = stdout.replaceAll('\r', '');
  expect(drawn).toContain('▸ a');
  const last = drawn.slice(drawn.lastIndexOf('\u001b[J') + 3);
  expect(last).toMatch(/^● a {2}\S+ m?s\n {2}● b {2}\S+ m?s\n2 steps, 0 avoided, 2 ran, 0 failed in /);
});

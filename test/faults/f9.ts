import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Tally } from './campaign.js';

/** Steps of the largest; chains are a tenth as deep, and a hundredth is done for real. */
export const points = 1_000_000;
export const needsServer = false;

interface Case {
  readonly name: string;
  /** Of `points`. */
  readonly share: number;
  /** The heap that a step may take, beside what the program takes. */
  readonly bytes: number;
}

const STEP = 2048;
const ITEM = 512;
const CASES: readonly Case[] = [
  { name: 'dag', share: 1, bytes: STEP },
  { name: 'items', share: 1, bytes: ITEM },
  { name: 'items by items', share: 0.5, bytes: 2 * ITEM },
  { name: 'one for all, all for one', share: 1, bytes: ITEM },
  { name: 'chain', share: 0.1, bytes: STEP },
  { name: 'chain, the last first', share: 0.1, bytes: STEP },
  { name: 'chain by files', share: 0.1, bytes: 2 * STEP },
  { name: 'work', share: 0.01, bytes: 8 * STEP },
  { name: 'circle', share: 0.1, bytes: STEP },
  { name: 'circle by files', share: 0.1, bytes: 2 * STEP },
  { name: 'one name twice', share: 1, bytes: STEP },
  { name: 'one output twice', share: 1, bytes: 2 * STEP },
  { name: 'one output twice, of items', share: 1, bytes: ITEM },
];
const PROGRAM_MIB = 64;

/**
 * F9 of LIMITS, for workflows: how large and how deep they may be, each in a process that is given so much memory for each
 * step and no more. What cannot be right is refused by its code before anything runs, and the circle is told.
 * Large folders and prefixes are in f9-listing.ts.
 */
export async function campaign({ points, sabotage = __SABOTAGE__ }: Options): Promise<Tally> {
  const examples: string[] = [];
  const rssMiB: Record<string, number> = {};
  const program = await bundle(sabotage);
  let steps = 0;
  try {
    for (const { name, share, bytes } of CASES) {
      const count = Math.ceil(points * share);
      steps += count;
      const { faults, rss } = await runCase(program.file, name, count, PROGRAM_MIB + (count * bytes) / 2 ** 20);
      if (rss !== undefined) rssMiB[name] = rss;
      examples.push(...faults.map((fault) => `${name}, ${count}: ${fault}`));
    }
    // A bound that nothing can break would show nothing: with a heap for a tenth of them it must not end well.
    const { faults } = await runCase(program.file, 'items', TOO_MANY, PROGRAM_MIB);
    if (faults.length === 0) examples.push(`${TOO_MANY} items fit into ${PROGRAM_MIB} MiB: the bound is none`);
  } finally {
    program.remove();
  }
  return { points: CASES.length, injected: CASES.length + 1, wrong: examples.length, lost: 0, steps, rssMiB, examples };
}

interface Options {
  readonly points: number;
  readonly sabotage?: string;
}

const TOO_MANY = 500_000;

async function bundle(sabotage: string): Promise<{ readonly file: string; remove(): void }> {
  const root = resolve(process.env['STEPASIDE_RIG_FOLDER'] ?? join(import.meta.dirname, '../rig'), '../..');
  const caches = join(root, 'node_modules/.cache');
  mkdirSync(caches, { recursive: true });
  const folder = mkdtempSync(join(caches, 'stepaside-f9-'));
  // The engine asks its own package for its version.
  const own = { name: 'stepaside', version: '0.0.0', type: 'module', exports: { './package.json': './package.json' } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
  const file = join(folder, 'case.mjs');
  await build({
    entryPoints: [join(root, 'test/faults/scale/case.ts')],
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'error' },
    define: { __SABOTAGE__: JSON.stringify(sabotage), __BUILD__: '"f9"' },
    outfile: file,
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

interface Ended {
  readonly faults: readonly string[];
  readonly rss?: number;
}

function runCase(file: string, name: string, count: number, heapMiB: number): Promise<Ended> {
  return new Promise((done) => {
    const words = [`--max-old-space-size=${Math.ceil(heapMiB)}`, file, name, String(count)];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [told, trouble] = ['', ''];
    child.stdout.on('data', (piece) => (told += piece));
    child.stderr.on('data', (piece) => (trouble = (trouble + piece).slice(0, 4000)));
    child.on('close', (code, signal) => {
      if (code !== 0) {
        const why = /FATAL ERROR: .*|\w*Error: .*/.exec(trouble)?.[0] ?? trouble.slice(0, 300);
        return done({ faults: [`ended with ${code ?? signal} and ${Math.ceil(heapMiB)} MiB: ${why}`] });
      }
      const { faults, rssMiB } = JSON.parse(told) as { faults: readonly string[]; rssMiB: number };
      done({ faults, rss: rssMiB });
    });
  });
}

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { blake3 } from '../../src/hash.js';
import type { Tally } from './campaign.js';

const MIB = 2 ** 20;
export const points = 100_000;
export const needsServer = false;

/** LIMITS, P8: however large an input is. */
const LIMIT_MIB = 128;
/** Of each file and megabyte: a file of 10 GiB beside 100,000 files. */
const BYTES_A_FILE = 107_374;

export interface Scale {
  /** So many files, and another file so much larger. */
  readonly points: number;
  readonly limitMiB?: number;
  /** The build under test. */
  readonly cli?: string;
}

/**
 * F9 of LIMITS, for artifacts: a file much larger than memory may grow, and a tree of very many files, go in and come
 * back through the command, each in a process of its own, whose peak is asked of the kernel.
 */
export async function campaign({ points, limitMiB = LIMIT_MIB, cli = builtCli() }: Scale): Promise<Tally> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'stepaside-f9-'));
  const examples: string[] = [];
  const peaksMiB: Record<string, number> = {};
  let [tried, wrong] = [0, 0];
  const check = (holds: boolean, what: string) => {
    if (holds) return;
    wrong += 1;
    examples.push(what);
  };
  try {
    const meter = join(folder, 'meter.mjs');
    fs.writeFileSync(meter, METER);
    const run = (name: string, words: readonly string[]): string => {
      tried += 1;
      const args = ['--import', pathToFileURL(meter).href, cli, 'artifact', ...words, '--quiet'];
      const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
      const peak = Math.round(Number(/peak (\d+) KiB/.exec(stderr)?.[1]) / 1024);
      peaksMiB[name] = peak;
      check(status === 0, `${name} ended with ${status}: ${stderr.slice(0, 300)}`);
      check(peak <= limitMiB, `${name} took ${peak} MiB, more than ${limitMiB}`);
      return stdout.split(' ')[0]!;
    };

    const size = points * BYTES_A_FILE;
    makeLarge(join(folder, 'large'), size);
    const large = run('put large', ['put', 'large']);
    run('get large', ['get', large, 'large-back']);
    check(digestOf(join(folder, 'large-back')) === digestOf(join(folder, 'large')), 'the large file is another one');
    for (const name of ['large', 'large-back', '.stepaside']) fs.rmSync(join(folder, name), { recursive: true });

    for (let i = 0; i < points; i++) {
      const below = join(folder, 'many', String(i % 97));
      if (i < 97) fs.mkdirSync(below, { recursive: true });
      fs.writeFileSync(join(below, String(i)), `contents of ${i}\n`);
    }
    const many = run('put many', ['put', 'many']);
    run('get many', ['get', many, 'many-back']);
    run('get one of many', ['get', many, 'one-back', '--only', '0/0']);
    check(fs.readFileSync(join(folder, 'one-back/0/0'), 'utf8') === 'contents of 0\n', 'one of many is another one');
    for (let i = 0; i < points; i++) {
      const text = fs.readFileSync(join(folder, 'many-back', String(i % 97), String(i)), 'utf8');
      check(text === `contents of ${i}\n`, `file ${i} of many is another one`);
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  return { points: tried, injected: tried, wrong, lost: 0, examples: examples.slice(0, 10), peaksMiB };
}

const METER = `process.on('exit', () => {
  process.stderr.write('peak ' + process.resourceUsage().maxRSS + ' KiB\\n');
});`;

/** Holes, and every fourth chunk like no other: what is equal is stored once, and the rest is really moved. */
function makeLarge(path: string, size: number): void {
  const fd = fs.openSync(path, 'w');
  fs.ftruncateSync(fd, size);
  for (let at = 0; at + 100 < size; at += 32 * MIB) fs.writeSync(fd, `chunk at ${at}`, at);
  fs.closeSync(fd);
}

function digestOf(path: string): string {
  const fd = fs.openSync(path, 'r');
  const hash = blake3().stream();
  const piece = Buffer.alloc(MIB);
  for (let count = fs.readSync(fd, piece); count > 0; count = fs.readSync(fd, piece))
    hash.update(piece.subarray(0, count));
  fs.closeSync(fd);
  return hash.digest();
}

function builtCli(): string {
  const rig = process.env['STEPASIDE_RIG_FOLDER'];
  return rig === undefined
    ? join(import.meta.dirname, '../../dist/stepaside.cjs')
    : join(rig, '../../dist/stepaside.cjs');
}

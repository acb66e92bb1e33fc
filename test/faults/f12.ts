import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { build } from 'esbuild';
import { intBelow, randomFrom } from '../conformance/random.js';
import { contentsOf, filesIn, misnamed } from './artifacts/oracle.js';
import type { Tally } from './campaign.js';

/** The long form: acts of writers. */
export const points = 100_000;
export const needsServer = false;

/** Of ten writers each. */
const PROCESSES = 2;
/** What is there is judged after so many, by an oracle that shares no line with ours, while nobody acts. */
const ACTS_A_ROUND = 2_500;

interface Found {
  points: number;
  killed: number;
  swept: number;
  removed: number;
  busy: number;
  wrong: number;
  readonly examples: string[];
}

/**
 * F12 of LIMITS: twenty writers in two processes put, record, read and take back artifacts that share most of their
 * blobs, and a sweeper sweeps behind them with hardly any grace. Writers and sweepers are killed. No record may ever name
 * what cannot be read.
 */
export async function campaign({ points, seed }: { readonly points: number; readonly seed: number }): Promise<Tally> {
  const found: Found = { points: 0, killed: 0, swept: 0, removed: 0, busy: 0, wrong: 0, examples: [] };
  const random = randomFrom(seed);
  const began = performance.now();
  const shm = '/dev/shm';
  const folder = mkdtempSync(join(existsSync(shm) ? shm : tmpdir(), 'stepaside-f12-'));
  try {
    const player = await built(folder);
    while (found.points < points && found.wrong === 0)
      await round(player, { folder, random, acts: Math.min(ACTS_A_ROUND, points - found.points) }, found);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { killed, ...rest } = found;
  const perSecond = Math.round(found.points / ((performance.now() - began) / 1000));
  return { ...rest, injected: killed, lost: 0, perSecond, examples: found.examples.slice(0, 12) };
}

/** The player beside the packages that it leaves outside. */
async function built(folder: string): Promise<string> {
  const root = resolve(process.env['STEPASIDE_RIG_FOLDER'] ?? join(import.meta.dirname, '../rig'), '../..');
  const outfile = join(root, `node_modules/.cache/stepaside-f12-${process.pid}/player.mjs`);
  await build({
    entryPoints: [join(root, 'test/faults/artifacts/player.ts')],
    define: { __SABOTAGE__: JSON.stringify(__SABOTAGE__) },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'error' },
    outfile,
  });
  mkdirSync(join(folder, 'cache'), { recursive: true });
  return outfile;
}

interface Round {
  readonly folder: string;
  readonly random: () => number;
  readonly acts: number;
}

async function round(player: string, { folder, random, acts }: Round, found: Found): Promise<void> {
  let left = acts;
  let playing = true;
  const children = new Set<ChildProcess>();
  const bad = (what: string) => {
    found.wrong += 1;
    found.examples.push(what);
  };
  const said = (line: string) => {
    const [word, ...rest] = line.split(' ');
    if (word === 'act') {
      left -= 1;
      found.points += 1;
    } else if (word === 'swept') {
      found.swept += 1;
      found.removed += Number(rest[1]);
      if (rest[0] === 'busy') found.busy += 1;
    } else if (word !== 'sweeping') bad(line);
  };
  /** One after the other: each is killed when it has got so far, the sweepers mostly in the middle of a sweep. */
  const keep = async (role: 'writers' | 'sweeper') => {
    while (playing) {
      const child = spawn(process.execPath, [player, role, folder, String(intBelow(random, 2 ** 31))], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.add(child);
      let [ticks, most] = [0, role === 'sweeper' ? 2 + intBelow(random, 12) : 100 + intBelow(random, 900)];
      const ended = heard(child, bad, (line) => {
        said(line);
        if (++ticks !== most) return;
        found.killed += 1;
        setTimeout(() => child.kill('SIGKILL'), random() * 20);
      });
      await ended;
      children.delete(child);
    }
  };
  const all = [keep('sweeper'), ...Array.from({ length: PROCESSES }, () => keep('writers'))];
  while (left > 0 && found.wrong === 0) await wait(20);
  playing = false;
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(all);
  for (const what of judge(folder)) bad(what);
}

/** Until it has ended, what it says. */
function heard(child: ChildProcess, bad: (what: string) => void, said: (line: string) => void): Promise<void> {
  createInterface({ input: child.stdout! }).on('line', said);
  let stderr = '';
  child.stderr!.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  return new Promise((done) =>
    child.on('close', (code) => {
      if (code !== null && code !== 0) bad(`ended with ${code}: ${stderr.slice(0, 600)}`);
      done();
    }),
  );
}

function judge(folder: string): readonly string[] {
  const objects = filesIn(join(folder, 'cache'));
  const wrong = [...misnamed(objects)];
  for (const id of readdirSync(join(folder, 'records'))) {
    const digest = readFileSync(join(folder, 'records', id), 'utf8');
    const contents = contentsOf(objects, digest);
    if ('missing' in contents) wrong.push(`dangling ${id}: ${contents.missing}`);
  }
  return wrong;
}

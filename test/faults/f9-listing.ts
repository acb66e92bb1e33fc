import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { accountOf, type S3Server } from '../rig/s3-server.js';
import { startVersitygw } from '../rig/versitygw.js';
import type { Tally } from './campaign.js';

/** Of F9 in LIMITS: a prefix of so many objects. */
export const points = 1_000_000;
/** It starts one of its own. */
export const needsServer = false;

const BUCKET = 'many';
const IN_A_FOLDER = 1000;
const MIB = 2 ** 20;
/** What a look may take however many objects there are, Node's own included, and what more for each of them. */
const [AT_MOST, FOR_EACH] = [128 * MIB, 64];

/** Whole looks at a prefix by the real command: the right answer, a request for each page, and memory that is bounded. */
export async function campaign({ points: objects }: { readonly points: number }): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-f9-'));
  const examples: string[] = [];
  let server: S3Server | undefined;
  try {
    const last = plantObjects(join(folder, 'data', BUCKET, 'lake'), objects);
    writeFileSync(join(folder, 'peak.cjs'), PEAK);
    server = await startVersitygw({ data: join(folder, 'data') });
    const pages = Math.ceil(objects / 1000);
    const looks: readonly Look[] = [
      // Only the end of the listing tells that there is one of these and not two.
      { glob: `**/${last}`, min: 2, state: 'partial', requests: pages },
      { glob: '**', min: 1, state: 'present', requests: 1 },
    ];
    const peaks: number[] = [];
    for (const look of looks) {
      const { state, requests, peak } = await ask(look, server, folder);
      peaks.push(Math.round(peak / MIB));
      const most = AT_MOST + FOR_EACH * objects;
      const about = `${look.glob}, at least ${look.min}`;
      if (state !== look.state) examples.push(`${about}: ${state} instead of ${look.state}`);
      if (requests > look.requests + 2) examples.push(`${about}: ${requests} requests for ${pages} pages`);
      if (peak > most) examples.push(`${about}: ${peak} bytes of memory, more than ${most}`);
    }
    return { points: objects, injected: looks.length, wrong: examples.length, lost: 0, pages, peaks, examples };
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As files, since this server keeps objects as files. Gives the name of the last one. */
function plantObjects(lake: string, objects: number): string {
  let name = '';
  for (let i = 0; i < objects; i++) {
    const below = join(lake, `part=${String(Math.floor(i / IN_A_FOLDER)).padStart(6, '0')}`);
    if (i % IN_A_FOLDER === 0) mkdirSync(below, { recursive: true });
    name = `object-${String(i).padStart(9, '0')}`;
    writeFileSync(join(below, name), 'x');
  }
  return name;
}

interface Look {
  readonly glob: string;
  readonly min: number;
  readonly state: string;
  /** Listed pages; two more are let pass. */
  readonly requests: number;
}

/** Campaigns are bundles elsewhere, started in the repository. */
const CLI = resolve('dist/stepaside.cjs');
const PEAK = `process.on('exit', () => require('node:fs').writeSync(2, '\\npeak ' + process.resourceUsage().maxRSS));`;

async function ask(
  { glob, min }: Look,
  server: S3Server,
  folder: string,
): Promise<{ readonly state: string; readonly requests: number; readonly peak: number }> {
  const before = server.requests();
  const words = ['--require', join(folder, 'peak.cjs'), CLI, 'check', `s3://${BUCKET}/lake/`];
  const child = spawn(process.execPath, [...words, '--glob', glob, '--min', String(min)], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: '/nonexistent',
      ...accountOf(server),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece) => {
    stdout += piece;
  });
  child.stderr.on('data', (piece) => {
    stderr += piece;
  });
  await once(child, 'close');
  const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1]) * 1024;
  return { state: stdout.split(' ')[0] ?? '', requests: server.requests() - before, peak };
}

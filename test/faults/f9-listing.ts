import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { accountOf, type S3Server } from '../rig/s3-server.js';
import { startS3Server } from '../rig/s3-servers.js';
import { findProgram, startVersitygw } from '../rig/versitygw.js';
import type { Tally } from './campaign.js';

/** Of F9 in LIMITS: a prefix of so many objects. */
export const points = 1_000_000;
/** It starts one of its own. */
export const needsServer = false;
/** Whether objects can be planted as files, a hundred thousand in seconds: elsewhere each is a request. */
export const plantsFiles = () => findProgram('versitygw') !== undefined;

const IN_A_FOLDER = 1000;
const PUTS_AT_ONCE = 32;
/** Access logs are written a moment after the answers. */
const LOG_DELAY_MS = 500;
const MIB = 2 ** 20;
/** What a look may take however many objects there are, Node's own included, and what more for each of them. */
const [AT_MOST, FOR_EACH] = [128 * MIB, 64];

/** Whole looks at a prefix by the real command: the right answer, a request for each page, and memory that is bounded. */
export async function campaign({ points: objects }: { readonly points: number }): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-f9-'));
  const examples: string[] = [];
  let planted: Planted | undefined;
  try {
    planted = plantsFiles() ? await plantFiles(join(folder, 'data'), objects) : await putObjects(objects);
    writeFileSync(join(folder, 'peak.cjs'), PEAK);
    const pages = Math.ceil(objects / 1000);
    const looks: readonly Look[] = [
      // Only the end of the listing tells that there is one of these and not two.
      { glob: `**/${nameOf(objects - 1)}`, min: 2, state: 'partial', requests: pages },
      { glob: '**', min: 1, state: 'present', requests: 1 },
    ];
    const peaks: number[] = [];
    for (const look of looks) {
      const { state, requests, peak } = await ask(look, planted, folder);
      peaks.push(Math.round(peak / MIB));
      const most = AT_MOST + FOR_EACH * objects;
      const about = `${look.glob}, at least ${look.min}`;
      if (state !== look.state) examples.push(`${about}: ${state} instead of ${look.state}`);
      // A server that others run is not asked what it served: what its own log would tell is not known.
      if (planted.server.counted === 'served' && (requests < look.requests || requests > look.requests + 2))
        examples.push(`${about}: ${requests} requests for ${look.requests} pages`);
      if (!(peak <= most)) examples.push(`${about}: ${peak} bytes of memory, more than ${most}`);
    }
    return { points: objects, injected: looks.length, wrong: examples.length, lost: 0, pages, peaks, examples };
  } finally {
    await planted?.server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The objects lie in this bucket of this server. */
interface Planted {
  readonly server: S3Server;
  readonly bucket: string;
}

const folderOf = (i: number) => `lake/part=${String(Math.floor(i / IN_A_FOLDER)).padStart(6, '0')}`;
const nameOf = (i: number) => `object-${String(i).padStart(9, '0')}`;

/** versitygw keeps objects as files: a bucket is a folder. */
async function plantFiles(data: string, objects: number): Promise<Planted> {
  const bucket = 'many';
  for (let i = 0; i < objects; i++) {
    const below = join(data, bucket, folderOf(i));
    if (i % IN_A_FOLDER === 0) mkdirSync(below, { recursive: true });
    writeFileSync(join(below, nameOf(i)), 'x');
  }
  return { server: await startVersitygw({ data }), bucket };
}

async function putObjects(objects: number): Promise<Planted> {
  const server = await startS3Server();
  const bucket = `many-${randomUUID()}`;
  try {
    await server.makeBucket(bucket);
    const { endpoint, region, credentials } = server;
    const store = s3Store({ bucket, endpoint, region, credentials, wire: 'lean', pathStyle: true });
    const body = new TextEncoder().encode('x');
    let next = 0;
    const put = async () => {
      for (let i = next++; i < objects; i = next++) await store.write(`${folderOf(i)}/${nameOf(i)}`, body);
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, put));
    await store.close();
    await wait(LOG_DELAY_MS);
    return { server, bucket };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface Look {
  readonly glob: string;
  readonly min: number;
  readonly state: string;
  /** Listed pages: no fewer, and at most two more. */
  readonly requests: number;
}

/** Campaigns are bundles elsewhere, started in the repository. */
const CLI = resolve('dist/stepaside.cjs');
const PEAK = `process.on('exit', () => require('node:fs').writeSync(2, '\\npeak ' + process.resourceUsage().maxRSS));`;

async function ask(
  { glob, min }: Look,
  { server, bucket }: Planted,
  folder: string,
): Promise<{ readonly state: string; readonly requests: number; readonly peak: number }> {
  const before = server.requests();
  const words = ['--require', join(folder, 'peak.cjs'), CLI, 'check', `s3://${bucket}/lake/`];
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
  await wait(LOG_DELAY_MS);
  const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1]) * 1024;
  return { state: stdout.split(' ')[0] ?? '', requests: server.requests() - before, peak };
}

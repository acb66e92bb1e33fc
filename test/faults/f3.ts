import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { intBelow, randomFrom } from '../conformance/random.js';
import { ownBuild } from '../rig/own-build.js';
import { accountOf, type S3Facts } from '../rig/s3-server.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { judge } from './f3-oracle.js';

/** The long form: processes. */
export const points = 500;

const inARound = 50;
const ttlMs = 1_500;
const heartbeatMs = 150;
/** Nothing here takes as long: whoever has not ended by then hangs. */
const patienceMs = 120_000;

const WORKFLOW = `name: f3
steps:
  - name: work
    run: |
      echo "begin $PPID $$ $(date +%s%N)" >> lines
      sleep 0.4
      echo same > "out.tmp.$$" && mv "out.tmp.$$" out
      echo "end $PPID $$ $(date +%s%N)" >> lines
    outputs: [{ path: out, atomic: true }]
    memoize: { attempts: 1000 }
`;

type Fault = 'kill' | 'stop';

interface Findings {
  readonly injected: Record<Fault, number>;
  readonly examples: string[];
  points: number;
  wrong: number;
  lost: number;
  runs: number;
  takeovers: number;
  commits: number;
  notRecorded: number;
}

/**
 * F3 of LIMITS: processes of the real command want one piece of work at once, over a folder and over a bucket they share,
 * and are killed and stopped meanwhile. What they left is judged from the slots by an oracle of its own.
 */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found: Findings = {
    ...{ injected: { kill: 0, stop: 0 }, examples: [] },
    ...{ points: 0, wrong: 0, lost: 0, runs: 0, takeovers: 0, commits: 0, notRecorded: 0 },
  };
  const built = await ownBuild(__SABOTAGE__);
  try {
    // However few they are, half of them meet in the folder and half in the bucket.
    const most = Math.min(inARound, Math.ceil(points / 2));
    for (let round = 0; found.points < points; round++) {
      const count = Math.max(4, Math.min(most, points - found.points));
      await oneRound({ count, random, server, onS3: round % 2 === 1, cli: built.cli }, found);
    }
  } finally {
    built.remove();
  }
  const { injected, examples, ...rest } = found;
  return {
    ...rest,
    injected: injected.kill + injected.stop,
    byFault: injected,
    examples: examples.slice(0, 12),
  };
}

interface Round {
  readonly count: number;
  readonly random: () => number;
  readonly server: S3Facts;
  readonly onS3: boolean;
  readonly cli: string;
}

async function oneRound({ count, random, server, onS3, cli }: Round, found: Findings): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-f3-'));
  const bucket = `f3-${randomBytes(5).toString('hex')}`;
  writeFileSync(join(folder, 'stepaside.yaml'), WORKFLOW);
  if (onS3) await sdkMakeBucket(server, bucket);
  const env = {
    ...{ PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
    ...{ STEPASIDE_TTL_MS: String(ttlMs), STEPASIDE_HEARTBEAT_MS: String(heartbeatMs) },
    ...accountOf(server),
    ...(onS3 ? { STEPASIDE_CACHE: `s3://${bucket}/cache` } : {}),
  };
  const start = () => new Contender(cli, folder, env);
  const lines = () => linesIn(join(folder, 'lines'));
  const bad = (what: string) => {
    found.wrong += 1;
    found.examples.push(`${onS3 ? 'bucket' : 'folder'}: ${what}`);
  };
  try {
    // Two in ten are killed and two in ten stopped for longer than the ttl: some at a random time, most of them at work.
    const each = Math.max(2, Math.ceil(count * 0.2));
    const anytime: Fault[] = ['kill', 'stop'];
    const atWork = Array.from({ length: each - 1 }, () => anytime)
      .flat()
      .sort(() => random() - 0.5);
    const running: Contender[] = [];
    const suffering: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const one = start();
      running.push(one);
      const fault = anytime[i];
      if (fault) suffering.push(one.suffer(fault, intBelow(random, 2_000)));
      if (random() < 0.2) await wait(intBelow(random, 400));
    }
    const ended = Promise.all(running.map((one) => one.ended));
    let left = true;
    void ended.then(() => {
      left = false;
    });
    for (let seen = 0; left; await wait(15)) {
      const begun = lines().filter((line) => line.startsWith('begin'));
      for (const line of begun.slice(seen)) {
        const one = running.find(({ pid }) => pid === Number(line.split(' ')[1]));
        const fault = one && one.suffered === undefined ? atWork.pop() : undefined;
        // From the middle of the step to the middle of its commit. Who ended before leaves it to the next.
        const afterMs = intBelow(random, 450);
        if (fault) suffering.push(one!.suffer(fault, afterMs).then((done) => void (done || atWork.push(fault))));
      }
      seen = begun.length;
    }
    await Promise.all(suffering);
    // The steps of the killed outlive them; what they still write belongs to this round.
    await wait(600);
    found.points += running.length;
    for (const one of running) if (one.suffered !== undefined) found.injected[one.suffered] += 1;

    const evidence = async () => ({
      logs: onS3 ? await slotsInBucket(server, bucket) : slotsInFolder(folder),
      lines: lines(),
      faulted: new Set(running.filter(({ suffered }) => suffered !== undefined).map(({ pid }) => pid)),
      acknowledged: running.flatMap(({ pid, told }) =>
        told.attempt === undefined ? [] : [{ pid, attempt: told.attempt }],
      ),
    });
    const judged = judge(await evidence());
    for (const what of judged.wrong) bad(what);
    found.lost += judged.lost.length;
    found.examples.push(...judged.lost);
    found.runs += judged.runs;
    found.takeovers += judged.takeovers;
    found.commits += judged.commits;
    for (const one of running) {
      if (one.told.notRecorded) found.notRecorded += 1;
      if (one.suffered === 'kill') continue;
      if (one.code !== 0 || one.told.status === undefined)
        bad(`process ${one.pid} (${one.suffered ?? 'untouched'}) ended with ${one.code}: ${one.stderr.slice(-400)}`);
    }

    // Whoever comes later sees it done: at once where the slots say so, else after one who does it.
    const next = start();
    await next.ended;
    if (judged.done && next.told.status !== 'avoided') bad(`done by its slots, and the next one says ${next.stdout}`);
    const last = start();
    await last.ended;
    if (next.code !== 0 || last.told.status !== 'avoided')
      bad(`nobody else is there, and the last one says ${last.stdout}`);
    const final = judge(await evidence());
    if (final.wrong.length > judged.wrong.length || !final.done) bad(`at the end: ${final.wrong.join('; ')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One process of the command, and what it said of itself. */
class Contender {
  readonly pid: number;
  readonly ended: Promise<void>;
  suffered: Fault | undefined;
  code: number | undefined;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  #isOver = false;

  constructor(cli: string, cwd: string, env: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [cli, 'run', '--json'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.pid = child.pid!;
    child.stdout.on('data', (piece: Buffer) => {
      this.stdout += piece;
    });
    child.stderr.on('data', (piece: Buffer) => {
      this.stderr += piece;
    });
    this.ended = new Promise((done) => {
      const impatient = setTimeout(() => {
        this.stderr += 'it hangs';
        child.kill('SIGKILL');
      }, patienceMs);
      child.on('close', (code) => {
        clearTimeout(impatient);
        this.#isOver = true;
        this.code = code ?? -1;
        done();
      });
    });
  }

  /** Nothing, if it has ended by then. */
  async suffer(fault: Fault, afterMs: number): Promise<boolean> {
    await Promise.race([wait(afterMs), this.ended]);
    if (this.#isOver || this.suffered !== undefined) return false;
    this.suffered = fault;
    if (fault === 'kill') {
      this.#child.kill('SIGKILL');
      return true;
    }
    this.#child.kill('SIGSTOP');
    // Others look every two seconds at most.
    await wait(ttlMs + 2_500);
    this.#child.kill('SIGCONT');
    return true;
  }

  get told(): { readonly status?: string; readonly attempt?: number; readonly notRecorded?: string } {
    const last = this.stdout.split('\n').findLast((line) => line.includes('"type":"step-ended"'));
    if (last === undefined) return {};
    const { outcome } = JSON.parse(last) as {
      outcome: { status: string; recorded?: { attempt?: number; not?: string } };
    };
    const { attempt, not } = outcome.recorded ?? {};
    return {
      status: outcome.status,
      ...(attempt === undefined ? {} : { attempt }),
      ...(not === undefined ? {} : { notRecorded: not }),
    };
  }
}

function linesIn(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

const SLOT = /(v1\/(?:keys|places)\/.*)\/([0-9]{8})$/;

function slotsInFolder(folder: string): Map<string, Map<number, string>> {
  const cache = join(folder, '.stepaside');
  const logs = new Map<string, Map<number, string>>();
  for (const name of readdirSync(cache, { recursive: true, encoding: 'utf8' }))
    put(logs, name, () => readFileSync(join(cache, name), 'utf8'));
  return logs;
}

async function slotsInBucket(server: S3Facts, bucket: string): Promise<Map<string, Map<number, string>>> {
  const witness = new Witness(server, bucket);
  const logs = new Map<string, Map<number, string>>();
  for (const { key } of await witness.list('cache/')) {
    const found = SLOT.test(key) ? await witness.get(key) : undefined;
    put(logs, key, () => Buffer.from(found?.body ?? []).toString());
  }
  witness.close();
  return logs;
}

function put(logs: Map<string, Map<number, string>>, name: string, text: () => string): void {
  const [, log, number] = SLOT.exec(name) ?? [];
  if (log === undefined) return;
  const slots = logs.get(log) ?? new Map<number, string>();
  logs.set(log, slots.set(Number(number), text()));
}

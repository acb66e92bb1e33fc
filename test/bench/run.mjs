// npm run bench -- [--json] [--out FILE] [--check] [--write] [--install-peers] [--steps N] [--samples N] [--folder DIR]
// P1 to P6 and P19 of LIMITS.md beside others, in one run. README.md here says how to read it.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bin, contestants, fingerprint, prepare, version } from './contestants.mjs';
import { installPeers, onPath } from './peers.mjs';
import { NOTES, operationsOf, table } from './report.mjs';
import { requestsOf, startS3 } from './s3.mjs';
import { memoryGoal } from './scale.mjs';
import { writeTable } from './write-table.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (text) => console.error(`bench: ${text}`);
/** Each costs or breaks one of the contestants; none of them gets any of it. */
const UNSET = ['NODE_EXTRA_CA_CERTS', 'AWS_CA_BUNDLE'];
/** P3 and P4 are a matter of milliseconds. */
const MORE_FOR_P3 = 3;

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

async function main() {
  const flags = readFlags();
  if (flags['install-peers']) installPeers(say);
  if (!existsSync(bin)) throw new Error(`${bin} is not built: npm run build`);
  const work = mkdtempSync(join(realpathSync(flags.folder ?? tmpdir()), 'stepaside-bench-'));
  // Ctrl-C ends the contestant that runs; that is then no no-op, and we come back here to clean up.
  process.on('SIGINT', () => {});
  try {
    const result = await measure(work, flags);
    const text = JSON.stringify(result, null, 2);
    if (flags.out) writeFileSync(flags.out, `${text}\n`);
    if (flags.write) writeTable(join(root, 'DESIGN.md'), result);
    console.log(flags.json ? text : table(result));
    return flags.check && result.unmet > 0 ? 1 : 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function readFlags() {
  const boolean = { type: 'boolean', default: false };
  const { values } = parseArgs({
    options: {
      json: boolean,
      check: boolean,
      'install-peers': boolean,
      write: boolean,
      out: { type: 'string' },
      folder: { type: 'string' },
      steps: { type: 'string', default: '1000' },
      samples: { type: 'string', default: '5' },
    },
  });
  const steps = Number(values.steps);
  const samples = Number(values.samples);
  if (!(Number.isInteger(steps) && steps > 0 && Number.isInteger(samples) && samples > 0))
    throw new Error('--steps and --samples are numbers from 1');
  if (values.check && (steps !== 1000 || samples < 5))
    throw new Error('--check judges 1000 steps and at least 5 samples: the goals are about nothing less');
  return { ...values, steps, samples };
}

async function measure(work, { steps, samples }) {
  const env = environment(work);
  const server = await startS3(work, { steps, env, say });
  try {
    return measureAll(work, { steps, samples, env, server });
  } finally {
    server.stop();
  }
}

function measureAll(work, { steps, samples, env, server }) {
  const loadBefore = loadavg();
  const built = freshness();
  if (built.olderThanSrc) say('dist is older than src: npm run build measures what you have now');
  const { p1, p3, p4, p5, p6, p19 } = contestants(work, { steps, env, server });
  const ready = (all) =>
    all.map((one) => {
      if (one.prepare) say(`first run of ${one.name}`);
      const prepared = prepare(one, env);
      if (prepared.missing) say(`NOT SHOWN ${one.name}: ${prepared.missing}`);
      return prepared;
    });
  const sides = { p1: ready(p1), p3: ready(p3), p4: ready(p4), p5: ready(p5), p6: ready(p6), p19: ready(p19) };
  // Whatever shares another's folder is not there if that could not be made ready.
  for (const one of sides.p1.filter(({ outputs }) => outputs && !outputs.every((path) => existsSync(path))))
    one.missing = 'its first run failed';
  const own = sides.p1[0];
  if (own.missing) throw new Error(`stepaside: ${own.missing}`);
  if (sides.p3[0].missing) throw new Error(`stepaside exec: ${sides.p3[0].missing}`);
  // What was written this very moment could be written again at the same date: nobody believes it, and nobody is to be
  // measured at that.
  say('a pause of 3 s');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
  const rounds = { P1: samples, P3: samples * MORE_FOR_P3 };
  interleave(sides.p1, { rounds: rounds.P1, work, env });
  interleave(sides.p3, { rounds: rounds.P3, work, env });
  interleave(sides.p4, { rounds: rounds.P3, work, env });
  interleave(sides.p5, { rounds: rounds.P1, work, env });
  interleave(sides.p6, { rounds: rounds.P1, work, env });
  interleave(sides.p19, { rounds: rounds.P1, work, env });
  const memory = memoryGoal(sides.p19);
  const requests = sides.p5[0].missing ? undefined : requestsOf(sides.p5[0], env);
  if (!existsSync(bin) || freshness().builtAt !== built.builtAt)
    throw new Error('dist was built again meanwhile: start over');
  const operations = operationsOf({ steps, ...sides, requests, memory });
  const goals = operations.flatMap((operation) => operation.goals);
  return {
    bench: 1,
    at: new Date().toISOString(),
    steps,
    samples: rounds,
    machine: { ...machine(work), loadBefore, loadAfter: loadavg() },
    environment: { given: env, unset: UNSET },
    stepaside: { version, bin, startedAs: 'a link to bin, as npm makes it: node by the first line', ...built },
    operations,
    met: goals.filter(({ met }) => met).length,
    unmet: goals.filter(({ met }) => !met).length,
    notes: NOTES,
  };
}

/** One round is one sample of everyone, begun by another each time; the first round warms up and is not kept. */
function interleave(all, { rounds, work, env }) {
  const there = all.filter(({ missing }) => !missing);
  const before = there.map(fingerprint);
  for (const one of there) one.samplesMs = [];
  for (let round = -1; round < rounds; round += 1) {
    say(round < 0 ? `warm-up of ${there.map(({ name }) => name).join(', ')}` : `round ${round + 1} of ${rounds}`);
    for (let i = 0; i < there.length; i += 1) {
      const one = there[(i + round + 1) % there.length];
      const ms = sample(one, { work, env });
      if (round >= 0) one.samplesMs.push(ms);
    }
  }
  const touched = there.filter((one, i) => !one.rewrites && fingerprint(one) !== before[i]);
  if (touched.length > 0) throw new Error(`no no-op: ${touched.map(({ name }) => name).join(', ')} touched an output`);
}

/** From before the start until the exit was seen. What it prints goes to a file: nobody waits for a reader. */
function sample({ name, command, cwd, env: own, proof }, { work, env }) {
  const path = join(work, 'said');
  const fd = openSync(path, 'w');
  const options = { cwd, env: { ...env, ...own }, stdio: ['ignore', fd, fd] };
  const begun = process.hrtime.bigint();
  const { status, signal, error } = spawnSync(command[0], command.slice(1), options);
  const ms = Number(process.hrtime.bigint() - begun) / 1e6;
  closeSync(fd);
  const text = readFileSync(path, 'utf8');
  if (error) throw new Error(`${name} cannot be started: ${error.message}`);
  if (status !== 0 || !proof(text))
    throw new Error(`no no-op: ${name} ended with ${status ?? signal} and said: ${text.slice(-600)}`);
  return ms;
}

/** The same for all, and nothing of the caller's but PATH. */
function environment(work) {
  const home = join(work, 'home');
  mkdirSync(home);
  return {
    PATH: process.env.PATH ?? '',
    HOME: home,
    TMPDIR: work,
    LC_ALL: 'C',
    CI: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    GIT_CONFIG_NOSYSTEM: '1',
  };
}

function machine(work) {
  const [first] = cpus();
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    os: type(),
    kernel: release(),
    node: process.version,
    fs: { folder: work, type: fileSystemOf(work) },
    git: onPath('git') ? spawnSync('git', ['--version'], { encoding: 'utf8' }).stdout.trim() : null,
  };
}

/** The mount with the longest name that the folder is under; of two at one place the later one. */
function fileSystemOf(folder) {
  if (!existsSync('/proc/self/mounts')) return 'unknown';
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at]) => at && (at === '/' || folder === at || folder.startsWith(`${at}/`)));
  return mounts.reduce((best, [, at, kind]) => (at.length >= best.at.length ? { at, kind } : best), {
    at: '',
    kind: 'unknown',
  }).kind;
}

function freshness() {
  const builtAt = statSync(bin).mtimeMs;
  const stale = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).some(
    (name) => name.endsWith('.ts') && statSync(join(root, 'src', name)).mtimeMs > builtAt,
  );
  return { builtAt: new Date(builtAt).toISOString(), olderThanSrc: stale };
}

// npm run bench -- [--only P1,P7-P18] [--json] [--out FILE] [--check] [--write] [--install-peers] [--steps N] [--scale N]
//   [--samples N] [--folder DIR]
// P1 to P19 of LIMITS.md beside others, in one run. README.md here says how to read it.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bin, linkBin, version } from './contestants.mjs';
import { chosen, tablesWithin } from './goals.mjs';
import { groupsFor, MORE_ROUNDS, measureGroups } from './groups.mjs';
import { findPeers, installPeers, onPath } from './peers.mjs';
import { operationsOf, table, tallyOf } from './report.mjs';
import { writeTables } from './write-table.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (text) => console.error(`bench: ${text}`);
/** Each costs or breaks one of the contestants; none of them gets any of it. */
const UNSET = ['NODE_EXTRA_CA_CERTS', 'AWS_CA_BUNDLE'];
const MiB = 2 ** 20;
/** What the goals are about; `--scale` takes less of all. */
const SIZES = { file: 1024 * MiB, tree: 10_000, object: 512 * MiB, objects: 2000, memory: 256 * MiB };
/** P15 has all contestants' objects, the source and one that is fetched in memory. */
const IN_MEMORY = 12 * 512 * MiB;

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
  const memory = inMemory(flags.scale);
  // Ctrl-C ends the contestant that runs; that is then no no-op, and we come back here to clean up.
  process.on('SIGINT', () => {});
  try {
    const result = await measure(work, { ...flags, memory });
    const text = JSON.stringify(result, null, 2);
    if (flags.out) writeFileSync(flags.out, `${text}\n`);
    if (flags.write) writeTables(join(root, 'DESIGN.md'), result, flags.tables);
    console.log(flags.json ? text : table(result));
    return flags.check && result.unmet > 0 ? 1 : 0;
  } finally {
    for (const folder of [work, memory.folder]) if (folder) rmSync(folder, { recursive: true, force: true });
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
      only: { type: 'string' },
      steps: { type: 'string', default: '1000' },
      scale: { type: 'string', default: '1' },
      samples: { type: 'string', default: '5' },
    },
  });
  const [steps, samples, scale] = [values.steps, values.samples, values.scale].map(Number);
  if (!(Number.isInteger(steps) && steps > 0 && Number.isInteger(samples) && samples > 0))
    throw new Error('--steps and --samples are numbers from 1');
  if (!(scale > 0 && scale <= 1)) throw new Error('--scale is more than 0 and at most 1');
  if (values.check && (steps !== 1000 || samples < 5 || scale !== 1))
    throw new Error('--check judges 1000 steps, whole sizes and at least 5 samples: the goals are about nothing less');
  const wanted = chosen(values.only);
  const isInMemory = fileSystemOf(realpathSync(values.folder ?? tmpdir())) === 'tmpfs';
  const tables = tablesWithin(wanted, isInMemory ? 'memory' : 'disk');
  if (values.write && tables.length === 0)
    throw new Error(
      '--write puts whole tables into DESIGN.md: it goes with no --only, or with P1-P6,P19 or P7-P18, or in memory with P8-P12',
    );
  return { ...values, steps, samples, scale, wanted, tables };
}

async function measure(work, { steps, samples, scale, memory, wanted }) {
  const env = environment(work);
  const loadBefore = loadavg();
  const built = freshness();
  if (built.olderThanSrc) say('dist is older than src: npm run build measures what you have now');
  const sizes = scaled(scale);
  const ids = Array.from({ length: steps }, (_, i) => i);
  const about = {
    work,
    memory,
    env,
    steps,
    ids,
    samples,
    sizes,
    command: linkBin(work),
    version,
    peers: findPeers(),
    say,
  };
  const groups = groupsFor(wanted);
  const sides = await measureGroups(groups, about);
  if (!existsSync(bin) || freshness().builtAt !== built.builtAt)
    throw new Error('dist was built again meanwhile: start over');
  const operations = operationsOf(sides, { wanted, steps, sizes });
  return {
    bench: 1,
    at: new Date().toISOString(),
    steps,
    scale,
    samples: { P1: samples, P3: samples * MORE_ROUNDS },
    machine: { ...machine(work), loadBefore, loadAfter: loadavg() },
    environment: { given: env, unset: UNSET },
    stepaside: { version, bin, startedAs: 'a link to bin, as npm makes it: node by the first line', ...built },
    operations,
    ...tallyOf(operations),
  };
}

/** Whole files and whole pages: what is smaller than either is no small form of the same. */
function scaled(scale) {
  const { tree, objects, ...bytes } = SIZES;
  const pages = Object.entries(bytes).map(([name, size]) => [name, Math.ceil((size * scale) / MiB) * MiB]);
  return { ...Object.fromEntries(pages), tree: Math.ceil(tree * scale), objects: Math.ceil(objects * scale) };
}

/** A folder of our own in memory, or why there is none. */
function inMemory(scale) {
  const shared = '/dev/shm';
  if (!existsSync(shared) || fileSystemOf(shared) !== 'tmpfs') return { missing: `${shared} is no tmpfs` };
  const { bavail, bsize } = statfsSync(shared);
  if (bavail * bsize < IN_MEMORY * scale) return { missing: `${shared} has no room for ${IN_MEMORY * scale} bytes` };
  return { folder: mkdtempSync(join(shared, 'stepaside-bench-')) };
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

// Where the peers are, and how they come there: never into the repository.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What performance.md was measured with. */
const PINNED = { turbo: '2.11.11', wireit: '0.14.13', nx: '22', cacache: '20' };
const INSTALL = 'npm run bench -- --install-peers';

export function onPath(name, path = process.env.PATH ?? '') {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** On PATH, where Go puts what it builds, or where `--install-peers` did. */
export function findProgram(name, path) {
  const places = [join(homedir(), 'go', 'bin'), ...folders().map((folder) => join(folder, 'python', 'bin'))];
  return onPath(name, path) ?? onPath(name, places.join(delimiter));
}

/** Below the user's cache, or in the temp folder where that cannot be written. */
function folders() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return [cache, tmpdir()].map((folder) => join(folder, 'stepaside-bench', 'peers'));
}

export function findPeers() {
  const modules = folders()
    .map((folder) => join(folder, 'node_modules'))
    .find((folder) => existsSync(join(folder, 'turbo')) && existsSync(join(folder, 'wireit')));
  if (!modules) {
    const missing = `not installed (${INSTALL})`;
    return { turbo: { missing }, wireit: { missing }, nx: { missing }, cacache: { missing } };
  }
  const versionOf = (name) => JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version;
  const at = (name) => ({ version: versionOf(name), modules, bin: join(modules, '.bin', name) });
  const scope = join(modules, '@turbo');
  const native = (existsSync(scope) ? readdirSync(scope) : [])
    .map((platform) => join(scope, platform, 'bin', 'turbo'))
    .find((file) => existsSync(file));
  const turbo = native
    ? { ...at('turbo'), native }
    : { missing: 'its native program for this machine is not installed' };
  const later = (name) => (existsSync(join(modules, name)) ? at(name) : { missing: `not installed (${INSTALL})` });
  return { turbo, wireit: at('wireit'), nx: later('nx'), cacache: later('cacache') };
}

/** Says what it does. Not measured, so with the user's own environment. */
export function installPeers(say) {
  const [folder] = folders().filter((candidate) => {
    try {
      mkdirSync(candidate, { recursive: true });
      accessSync(candidate, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!folder) throw new Error(`none of ${folders().join(', ')} can be written`);
  const wanted = Object.entries(PINNED).map(([name, version]) => `${name}@${version}`);
  say(`installing ${wanted.join(' ')} into ${folder}`);
  writeFileSync(join(folder, 'package.json'), '{ "name": "stepaside-bench-peers", "private": true }\n');
  // An npm that runs us leaves its own settings in the environment, and they name the repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$)/i.test(name)));
  const words = ['install', '--prefix', folder, '--no-audit', '--no-fund', ...wanted];
  execFileSync('npm', words, { cwd: folder, env, stdio: ['ignore', 2, 2] });
  installPython(folder, say);
  for (const [program, packaged] of Object.entries(DEBIAN)) installDebian(program, packaged, say);
  for (const [program, source] of Object.entries(GO))
    if (!findProgram(program)) say(`${program} is in no registry of packages: go install ${source}`);
}

/** Program -> package of Debian. */
const DEBIAN = {
  make: 'make',
  ninja: 'ninja-build',
  time: 'time',
  borg: 'borgbackup',
  curl: 'curl',
  rclone: 'rclone',
  restic: 'restic',
  rsync: 'rsync',
};
/** Program -> package of PyPI. */
const PYTHON = { aws: 'awscli', luigi: 'luigi', dvc: 'dvc', snakemake: 'snakemake' };
/** Program -> where its sources are. */
const GO = {
  s5cmd: 'github.com/peak/s5cmd/v2@v2.3.0',
  desync: 'github.com/folbricht/desync/cmd/desync@latest',
};

/** Why somebody who is asked for is not there, and how he comes. */
export function howToGet(program) {
  if (GO[program]) return `${program} is not on PATH (go install ${GO[program]})`;
  if (PYTHON[program]) return `${program} is not installed (${INSTALL})`;
  return `${program} is not on PATH (apt-get install ${DEBIAN[program] ?? program})`;
}

/** The first number with a dot in it that the program tells of itself. */
export function versionOf(path, words = ['--version']) {
  const { stdout } = spawnSync(path, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return /\d+\.\d+[.\d]*/.exec(stdout ?? '')?.[0] ?? 'unknown';
}

function installPython(folder, say) {
  const wanted = Object.keys(PYTHON).filter((program) => !findProgram(program));
  if (wanted.length === 0) return;
  const python = join(folder, 'python');
  execFileSync('python3', ['-m', 'venv', python], { stdio: ['ignore', 2, 2] });
  for (const program of wanted) {
    say(`installing ${PYTHON[program]} into ${python} by pip`);
    // Each for itself: what one of them cannot have leaves the others.
    const { status } = spawnSync(join(python, 'bin', 'pip'), ['install', '--quiet', PYTHON[program]], {
      stdio: ['ignore', 2, 2],
    });
    if (status !== 0) say(`${PYTHON[program]} could not be installed: it will be NOT SHOWN`);
  }
}

function installDebian(program, packaged, say) {
  if (onPath(program)) return;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    say(`${program} is not on PATH: install it (apt-get install ${packaged})`);
    return;
  }
  say(`installing ${packaged} by apt-get`);
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', packaged], { stdio: ['ignore', 2, 2] });
}

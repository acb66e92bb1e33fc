// Who keeps bytes on a disk: ourselves and the peers of P8 to P13, each as its users start it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, howToGet, versionOf } from './peers.mjs';
import { bytesIn, digestOf, holdsArtifact } from './sources.mjs';

const CACACHE = fileURLToPath(new URL('cacache-client.mjs', import.meta.url));
/** What a second ingest of the same may add: lists, a journal. */
const LITTLE = 0.1;

/**
 * One who keeps `source` in the folder `at` and brings it back into `out`: `empty` makes a repository that has nothing,
 * `put` and `again` (of whom `variant` says how) and `get` are how it is called, and `holds` looks whether all is there,
 * where it can by other means than what was printed.
 */
export function archive(name, place) {
  const made = MAKERS[name.split(',')[0].split(' ')[0]](place, name);
  return { env: {}, empty() {}, again: made.put, ...made, name, at: place.at, out: `${place.at}-out` };
}

const MAKERS = { stepaside, cp, rsync, cacache, borg, restic, desync, DVC: dvc };

function stepaside({ at, source, command, version }, name) {
  const put = { words: [command, 'artifact', 'put', source.path], cwd: at };
  const strict = name.endsWith('--strict') ? ['--strict'] : [];
  return {
    ours: true,
    version,
    put,
    again: { ...put, words: [...put.words, ...strict] },
    // Its digest is known when it was put.
    get: ({ out, put: text }) => {
      const to = source.kind === 'file' ? join(out, basename(source.path)) : out;
      return { words: [command, 'artifact', 'get', text.split(' ', 1)[0], to], cwd: at };
    },
    // A folder that is there already is filled name by name; without one it is built and renamed, as by anybody's first get.
    makesOut: source.kind === 'tree',
    holds: (text, { isAgain }) =>
      holdsArtifact(join(at, '.stepaside'), source, text) && (!isAgain || / 0 B stored, /.test(text)),
    proven: 'the store has all bytes under their digests',
  };
}

function cp({ at, source, env }, name) {
  const found = findProgram('cp', env.PATH);
  if (!found) return { missing: 'cp is not on PATH' };
  if (name.endsWith('synced') && !findProgram('sync', env.PATH)) return { missing: 'sync is not on PATH' };
  const copy = (folder) => [found, '-r', `${source.folder}/.`, folder];
  const synced = (folder) => ['/bin/sh', '-c', '"$@" && sync -f "$4"', 'sh', ...copy(folder)];
  const to = name.endsWith('synced') ? synced : copy;
  const kept = join(at, 'kept');
  return {
    version: versionOf(found),
    empty: () => mkdirSync(kept),
    put: { words: to(kept), cwd: at },
    // The copy of a copy.
    get: ({ out }) => ({ words: to(out), cwd: at }),
    holds: () => digestOf(kept) === source.digest,
    proven: 'the same SHA-256',
  };
}

function rsync({ at, source, env }) {
  const found = findProgram('rsync', env.PATH);
  if (!found) return { missing: howToGet('rsync') };
  const kept = join(at, 'kept');
  const words = [found, '-a', '--stats', `${source.folder}/`, `${kept}/`];
  return {
    version: versionOf(found),
    empty: () => mkdirSync(kept),
    put: { words, cwd: at },
    get: ({ out }) => ({ words: [found, '-a', `${kept}/`, `${out}/`], cwd: at }),
    holds: (text, { isAgain }) =>
      digestOf(kept) === source.digest &&
      text.replaceAll(',', '').includes(`Number of regular files transferred: ${isAgain ? 0 : source.files}\n`),
    proven: 'the same SHA-256, and how many files were transferred',
  };
}

/** Its API, since it has no command: streams for what is large, sixteen at once for what is small; reads are verified. */
function cacache({ at, source, peers }) {
  const { missing, modules, version } = peers.cacache;
  if (missing) return { missing };
  const words = (what, ...more) => [
    process.execPath,
    CACACHE,
    what,
    modules,
    join(at, 'cache'),
    source.folder,
    ...more,
  ];
  return {
    version,
    put: { words: words('put'), cwd: at },
    get: ({ out }) => ({ words: words('get', out), cwd: at }),
    holds: (text) => text.includes(`${source.files} files\n`) && bytesIn(join(at, 'cache')) >= source.bytes,
    proven: 'as many files, and as many bytes in its folder',
  };
}

function borg({ at, source, env }, name) {
  const found = findProgram('borg', env.PATH);
  if (!found) return { missing: howToGet('borg') };
  const repository = join(at, 'repository');
  const own = { BORG_BASE_DIR: join(at, 'base'), BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes' };
  const call = asked(found, { cwd: at, env: { ...env, ...own } });
  const create = [found, 'create', '--compression', 'none'];
  const put = { words: [...create, `${repository}::{utcnow:%H%M%S%f}`, '.'], cwd: source.folder };
  const unbelieving = ['--files-cache', 'disabled'];
  return {
    version: versionOf(found),
    env: own,
    empty: () => call('init', '--encryption', 'none', repository),
    put,
    again: name === 'borg' ? put : { ...put, words: [...create, ...unbelieving, ...put.words.slice(create.length)] },
    get: ({ out }) => ({ words: [found, 'extract', `${repository}::${last(call)}`], cwd: out }),
    holds(_, { isAgain }) {
      const { stats } = JSON.parse(call('info', '--json', '--last', '1', repository)).archives[0];
      // What it added to the repository by the last one; of its own lists there are some kilobytes.
      const added = stats.deduplicated_size;
      return (
        stats.nfiles === source.files &&
        stats.original_size >= source.bytes &&
        (isAgain ? added < LITTLE * source.bytes + 65536 : added >= source.bytes) &&
        bytesIn(repository) >= source.bytes
      );
    },
    proven: 'its own account of the archive, and as many bytes in its repository',
  };
  function last(ask) {
    return ask('list', '--short', '--last', '1', repository).trim();
  }
}

function restic({ at, source, env }, name) {
  const found = findProgram('restic', env.PATH);
  if (!found) return { missing: howToGet('restic') };
  const repository = join(at, 'repository');
  const own = { RESTIC_PASSWORD: 'bench', RESTIC_REPOSITORY: repository, RESTIC_CACHE_DIR: join(at, 'cache') };
  const call = asked(found, { cwd: at, env: { ...env, ...own } });
  const put = { words: [found, 'backup', '-q', '--compression', 'off', '.'], cwd: source.folder };
  return {
    version: versionOf(found, ['version']),
    env: own,
    empty: () => call('init', '-q'),
    put,
    again: name.endsWith('--force') ? { ...put, words: [...put.words, '--force'] } : put,
    get: ({ out }) => ({ words: [found, 'restore', '-q', 'latest', '--target', out], cwd: at }),
    holds(_, { isAgain }) {
      const { total_size: size, total_file_count: count } = JSON.parse(call('stats', '--json', 'latest'));
      const stored = bytesIn(repository);
      const most = isAgain ? (1 + LITTLE) * source.bytes + 2 ** 20 : Number.POSITIVE_INFINITY;
      return size >= source.bytes && count >= source.files && stored >= source.bytes && stored <= most;
    },
    proven: 'its own account of the snapshot, and as many bytes in its repository',
  };
}

/** Outside of any sample. */
function asked(program, options) {
  return (...words) =>
    execFileSync(program, words, { ...options, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function desync({ at, source, env }) {
  const found = findProgram('desync', env.PATH);
  if (!found) return { missing: howToGet('desync') };
  if (source.kind !== 'file') return { missing: 'desync: shown for files' };
  const [store, index] = [join(at, 'store'), join(at, 'index.caibx')];
  return {
    version: versionOf(found),
    empty: () => mkdirSync(store),
    put: { words: [found, 'make', '--store', store, index, source.path], cwd: at },
    get: ({ out }) => ({
      words: [found, 'extract', '--store', store, index, join(out, basename(source.path))],
      cwd: at,
    }),
    holds: () => existsSync(index) && bytesIn(store) >= source.bytes,
    proven: 'an index, and as many bytes in its store',
  };
}

/** It keeps what lies in its workspace: the source is copied there before. */
function dvc({ at, source, env }) {
  const found = findProgram('dvc', env.PATH);
  if (!found) return { missing: howToGet('dvc') };
  const own = { DVC_NO_ANALYTICS: '1', DVC_SITE_CACHE_DIR: join(at, 'site') };
  const there = join(at, 'data');
  return {
    version: versionOf(found),
    env: own,
    empty() {
      execFileSync(found, ['init', '--no-scm', '-q'], { cwd: at, env: { ...env, ...own } });
      if (source.kind === 'tree') cpSync(source.folder, there, { recursive: true, preserveTimestamps: true });
      else {
        mkdirSync(there);
        copyFileSync(source.path, join(there, basename(source.path)));
      }
    },
    put: { words: [found, 'add', '-q', 'data'], cwd: at },
    get: () => ({ words: [found, 'checkout', '-q'], cwd: at }),
    /** It restores in its own place. */
    own: there,
    holds: () =>
      readFileSync(join(at, 'data.dvc'), 'utf8').includes(`size: ${source.bytes}\n`) &&
      bytesIn(join(at, '.dvc', 'cache')) >= source.bytes,
    proven: 'its own file, and as many bytes in its cache',
  };
}

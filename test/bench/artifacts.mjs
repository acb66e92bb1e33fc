// P8 to P13: ingest, ingest once more, restore. What is done to whom; who they are is in archives.mjs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { archive } from './archives.mjs';
import { digestOf, fileSource, readThrough, treeSource } from './sources.mjs';

const FILES = ['cacache', 'borg', 'restic', 'desync', 'DVC', 'cp', 'rsync'];
/** What the disk takes. */
const SYNCED = 'cp, synced';
const TREES = ['cp -r', 'borg', 'restic', 'cacache', 'DVC', 'rsync'];
const AGAIN = ['stepaside', 'stepaside --strict', 'borg', 'restic', 'restic --force', 'cacache', 'rsync', 'DVC'];

/** What the groups of goals.mjs measure. `about` is what run.mjs knows: sizes, folders, environment, our command. */
export const DISK_GROUPS = {
  P8: (about) => file(about, 'P8', ['stepaside', ...FILES, SYNCED], ingest),
  P9: (about) => file(about, 'P9', [...AGAIN, 'desync'], again),
  P10: (about) => file(about, 'P10', ['stepaside', ...FILES], restored),
  P11: (about) => tree(about, 'P11', ['stepaside', ...TREES], ingest),
  P12: (about) => tree(about, 'P12', [...AGAIN, 'borg, no files cache'], again),
  P13: (about) => tree(about, 'P13', ['stepaside', ...TREES], restored),
  'P13 tmpfs': ({ memory, ...about }) =>
    memory.missing
      ? ['stepaside', ...TREES].map((name) => ({ name, missing: memory.missing }))
      : tree({ ...about, work: memory.folder }, 'P13 tmpfs', ['stepaside', ...TREES], restored),
};

const file = (about, id, names, act) => sided(about, id, names, act, (to) => fileSource(to, about.sizes.file));
const tree = (about, id, names, act) => sided(about, id, names, act, (to) => treeSource(to, about.sizes.tree));

/** In a folder by the group's name, which is removed when the group has been measured. */
function sided(about, id, names, act, makeSource) {
  const folder = join(about.work, id);
  const source = makeSource(join(folder, 'source'));
  return names.map((name) => act(archive(name, { ...about, at: join(folder, name), source }), about.env, source));
}

const told = ({ name, version, missing, ours, env, at }) =>
  missing ? { name, missing } : { name, version, ours, env, cwd: at, resources: true, outputs: [] };

/** Into a repository that has nothing, each time. */
export function ingest(one, _, source) {
  return {
    ...told(one),
    warm: () => readThrough(source.path),
    ...(!one.missing && { command: one.put.words, cwd: one.put.cwd }),
    reset: () => afresh(one),
    clear: () => remove(one),
    proof: (text) => one.holds(text, { isAgain: false }),
    proven: one.proven,
  };
}

/** Of what is there already. */
function again(one, env, source) {
  return {
    ...told(one),
    warm: () => readThrough(source.path),
    ...(!one.missing && { command: one.again.words, cwd: one.again.cwd }),
    prepare: () => void filled(one, env),
    reset() {},
    proof: (text) => one.holds(text, { isAgain: true }),
    proven: one.proven,
  };
}

/** Into a place where nothing is, each time. */
export function restored(one, env, source) {
  const to = one.own ?? one.out;
  const contestant = {
    ...told(one),
    warm: () => readThrough(one.at),
    command: [],
    prepare() {
      const put = filled(one, env);
      mkdirSync(one.out, { recursive: true });
      const { words, cwd } = one.get({ out: one.out, put });
      Object.assign(contestant, { command: words, cwd });
    },
    reset() {
      rmSync(to, { recursive: true, force: true });
      if (!one.own && !one.makesOut) mkdirSync(to);
    },
    clear: () => rmSync(to, { recursive: true, force: true }),
    proof: () => digestOf(to) === source.digest,
    proven: 'the same SHA-256',
  };
  return contestant;
}

/** What its first ingest printed. */
function filled(one, env) {
  afresh(one);
  const { words, cwd } = one.put;
  const text = execFileSync(words[0], words.slice(1), {
    cwd,
    env: { ...env, ...one.env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (!one.holds(text, { isAgain: false })) throw new Error(`its first ingest stored not all: ${text.slice(-300)}`);
  return text;
}

function afresh(one) {
  remove(one);
  mkdirSync(one.at, { recursive: true });
  one.empty();
}

function remove(one) {
  rmSync(one.at, { recursive: true, force: true });
  one.wipe?.();
}

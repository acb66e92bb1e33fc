// The contestants: the same work laid out for each, the command that finds it done, and the proof that it did nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onPath } from './peers.mjs';
import { nxWorkspace, toolsBeside } from './tools.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** What `bin` in package.json names: npm links it as `stepaside`, and so do we. */
export const bin = join(root, manifest.bin.stepaside);
export const version = manifest.version;

/**
 * P1 (and P2), P3 and P7. Every contestant of the bench is `{ name, version, command, cwd, env, outputs, proof, prepare }`,
 * or `{ name, missing }`. `proof` gets all that the command printed and says whether it did what is measured: nothing at
 * all, or, where there is a `reset` (before each sample, and `clear` after it), the work.
 * `warm` reads before each sample what the command will read.
 */
export const LOCAL_GROUPS = {
  P1: ({ work, ids, command, env, peers }) => [
    ours(join(work, 'stepaside'), { ids, command }),
    rehashing(join(work, 'stepaside'), { ids, command }),
    ...makes(join(work, 'make'), ids, env),
    ...turbos(join(work, 'turbo'), { ids, peer: peers.turbo, env }),
    wireit(join(work, 'wireit'), ids, peers.wireit),
    ...toolsBeside(work, { ids, env, nx: peers.nx }),
  ],
  P3: ({ work, command }) => [execHit(join(work, 'exec'), command), nodeStart(work)],
  P7: ({ work, ids, command, env, peers }) =>
    [
      ours(join(work, 'P7', 'stepaside'), { ids, command, keep: true }),
      turbos(join(work, 'P7', 'turbo'), { ids, peer: peers.turbo, env })[0],
      wireit(join(work, 'P7', 'wireit'), ids, peers.wireit),
      nxWorkspace(join(work, 'P7', 'nx'), { ids, env, peer: peers.nx }),
    ].map(restoring),
};

/** The same with its outputs deleted before each sample: who finds the work done has to bring them back. */
function restoring(one) {
  if (one.missing) return one;
  return {
    ...one,
    resources: true,
    reset() {
      for (const path of one.outputs) rmSync(path, { force: true });
    },
    proof: (text) =>
      (one.restored ?? one.proof)(text) &&
      one.outputs.every((path, i) => readFileSync(path, 'utf8') === `input ${i}\n`),
    proven: `${one.outputs.length} files with their contents, no command run`,
  };
}

/** As `node_modules/.bin/stepaside` is one: a link to the built command, started by its first line. */
export function linkBin(work) {
  mkdirSync(join(work, 'bin'));
  const link = join(work, 'bin', 'stepaside');
  symlinkSync(bin, link);
  return link;
}

function ours(cwd, { ids, command, keep = false }) {
  const n = ids.length;
  return {
    name: 'stepaside',
    ours: true,
    version,
    command: [command, 'run'],
    cwd,
    outputs: ids.map((i) => join(cwd, `out/${i}.txt`)),
    proof: (text) => new RegExp(`^${n} steps, ${n} avoided, 0 ran, 0 failed`, 'm').test(text),
    proven: `${n} avoided, 0 ran`,
    prepare() {
      writeInputs(cwd, ids);
      const steps = ids.map(
        (i) => `  - name: s${i}
    run: [cp, in/${i}.txt, out/${i}.txt]
    inputs: { files: [in/${i}.txt] }
    outputs: [{ path: out/${i}.txt, atomic: true${keep ? ', keep: artifact' : ''} }]
`,
      );
      put(
        join(cwd, 'stepaside.yaml'),
        `apiVersion: stepaside/v1\nkind: Workflow\nname: bench\nsteps:\n${steps.join('')}`,
      );
      return [command, 'run', '--quiet'];
    },
  };
}

function makes(cwd, ids, env) {
  const path = onPath('make', env.PATH);
  const names = ['make', 'make -rR'];
  const missing = 'make is not on PATH (apt-get install make)';
  if (!path) return names.map((name) => ({ name, missing }));
  const made = {
    version: /GNU Make (\S+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown',
    cwd,
    outputs: ids.map((i) => join(cwd, `out/${i}.txt`)),
    proof: (text) => /^make: Nothing to be done for ['`]all'\.$/m.test(text),
    proven: "Nothing to be done for 'all'",
  };
  const prepare = () => {
    writeInputs(cwd, ids);
    const targets = ids.map((i) => `out/${i}.txt`).join(' ');
    put(join(cwd, 'Makefile'), `OUT := ${targets}\nall: $(OUT)\nout/%.txt: in/%.txt\n\t@cp $< $@\n`);
    return [path];
  };
  return [
    { ...made, name: 'make', command: [path], prepare },
    { ...made, name: 'make -rR', command: [path, '-r', '-R'] },
  ];
}

/** Twice: its native program, which the goals are about, and as npm starts it, through a script of Node. */
function turbos(cwd, { ids, peer, env }) {
  const names = ['turbo', 'turbo (npm bin)'];
  if (peer.missing) return names.map((name) => ({ name, missing: peer.missing }));
  const n = ids.length;
  const words = ['run', 'build', '--output-logs=errors-only'];
  const cached = {
    version: peer.version,
    cwd,
    outputs: ids.map((i) => join(cwd, `packages/p${i}/out.txt`)),
    proof: (text) =>
      new RegExp(`Tasks:\\s+${n} successful, ${n} total`).test(text) &&
      new RegExp(`Cached:\\s+${n} cached, ${n} total`).test(text),
    proven: `${n} cached, ${n} total`,
  };
  const native = [peer.native, ...words, '--skip-infer'];
  return [
    { ...cached, name: 'turbo', command: native, prepare: () => layOutPackages(cwd, { ids, native, env }) },
    { ...cached, name: 'turbo (npm bin)', command: [peer.bin, ...words] },
  ];
}

function layOutPackages(cwd, { ids, native, env }) {
  const packages = { '': { name: 'root', version: '1.0.0', workspaces: ['packages/*'] } };
  mkdirSync(join(cwd, 'node_modules'), { recursive: true });
  for (const i of ids) {
    const folder = join(cwd, `packages/p${i}`);
    put(
      join(folder, 'package.json'),
      data({ name: `p${i}`, version: '1.0.0', scripts: { build: 'cp in.txt out.txt' } }),
    );
    put(join(folder, 'in.txt'), `input ${i}\n`);
    symlinkSync(`../packages/p${i}`, join(cwd, `node_modules/p${i}`));
    packages[`node_modules/p${i}`] = { resolved: `packages/p${i}`, link: true };
    packages[`packages/p${i}`] = { name: `p${i}`, version: '1.0.0' };
  }
  const head = { name: 'root', version: '1.0.0' };
  put(
    join(cwd, 'package.json'),
    data({ ...head, private: true, packageManager: 'npm@10.8.2', workspaces: ['packages/*'] }),
  );
  put(join(cwd, 'package-lock.json'), data({ ...head, lockfileVersion: 3, requires: true, packages }));
  put(join(cwd, 'turbo.json'), data({ tasks: { build: { inputs: ['in.txt'], outputs: ['out.txt'] } } }));
  put(join(cwd, '.gitignore'), 'node_modules\n.turbo\nout.txt\n');
  // In a repository it asks git's index for the hashes, which is its fast way.
  if (onPath('git', env.PATH)) {
    const git = (...words) => execFileSync('git', ['-C', cwd, ...words], { env, stdio: 'ignore' });
    git('init', '-q');
    git('add', '-A');
    git('-c', 'user.email=bench@localhost', '-c', 'user.name=bench', 'commit', '-qm', 'bench');
  }
  // The first run starts `npm run build` 1,000 times, which is minutes and is not measured: a stand-in for npm does it.
  const standIn = join(dirname(cwd), 'stand-in');
  put(join(standIn, 'npm'), '#!/bin/sh\nexec cp in.txt out.txt\n');
  chmodSync(join(standIn, 'npm'), 0o755);
  return { words: native, env: { ...env, PATH: `${standIn}${delimiter}${env.PATH}` } };
}

/** Started beside npm, as if by it: `npm run` alone would double its time. */
function wireit(cwd, ids, peer) {
  if (peer.missing) return { name: 'wireit', missing: peer.missing };
  const n = ids.length;
  return {
    name: 'wireit',
    version: peer.version,
    command: [peer.bin],
    env: {
      npm_lifecycle_event: 'all',
      npm_package_json: join(cwd, 'package.json'),
      npm_config_user_agent: 'npm/10.8.2',
    },
    cwd,
    outputs: ids.map((i) => join(cwd, `out/${i}.txt`)),
    // It writes 1,000.
    proof: (text) => text.replaceAll(',', '').includes(`Ran 0 scripts and skipped ${n} in`),
    proven: `Ran 0 scripts and skipped ${n}`,
    prepare() {
      writeInputs(cwd, ids);
      const scripts = { all: 'wireit' };
      const tasks = { all: { dependencies: ids.map((i) => `s${i}`) } };
      for (const i of ids) {
        scripts[`s${i}`] = 'wireit';
        tasks[`s${i}`] = { command: `cp in/${i}.txt out/${i}.txt`, files: [`in/${i}.txt`], output: [`out/${i}.txt`] };
      }
      put(join(cwd, 'package.json'), data({ name: 'bench', version: '1.0.0', scripts, wireit: tasks }));
      symlinkSync(peer.modules, join(cwd, 'node_modules'));
      return [peer.bin];
    },
  };
}

/** The same folder and the same steps; every input is read and hashed again. */
function rehashing(cwd, { ids, command }) {
  const { prepare: _, ...own } = ours(cwd, { ids, command });
  return { ...own, name: 'stepaside --rehash', command: [command, 'run', '--rehash'] };
}

function execHit(cwd, command) {
  const words = [command, 'exec', '--output', 'out.txt', '--', 'cp', 'in.txt', 'out.txt'];
  return {
    name: 'stepaside',
    ours: true,
    version,
    command: words,
    cwd,
    outputs: [join(cwd, 'out.txt')],
    proof: (text) => /^skip {2,}exec {2}/m.test(text) && !/^(run|done) /m.test(text),
    proven: 'skip  exec',
    prepare() {
      put(join(cwd, 'in.txt'), 'input\n');
      return words;
    },
  };
}

function nodeStart(cwd) {
  return {
    name: 'node -e 0',
    version: process.version,
    command: [process.execPath, '-e', '0'],
    cwd,
    outputs: [],
    proof: (text) => text === '',
    proven: 'exit 0, nothing printed',
  };
}

/** Does the work once, by a command or all by itself. Says why not, if it cannot: a peer that chokes on this is not shown. */
export function prepare(contestant, env) {
  if (contestant.missing || !contestant.prepare) return contestant;
  const { name, cwd, outputs } = contestant;
  try {
    const first = contestant.prepare();
    if (!first) return contestant;
    const { words, env: own } = Array.isArray(first) ? { words: first, env } : first;
    const options = { cwd, env: { ...own, ...contestant.env }, encoding: 'utf8', maxBuffer: 2 ** 28 };
    const ran = spawnSync(words[0], words.slice(1), options);
    const gone = outputs.filter((path) => !existsSync(path));
    if (ran.status === 0 && gone.length === 0) return contestant;
    const last = `${ran.stdout}${ran.stderr}`.trim().split('\n').slice(-3).join(' | ');
    return {
      name,
      missing: `its first run ended with ${ran.status ?? ran.signal}, ${gone.length} outputs missing: ${last}`,
    };
  } catch (error) {
    return { name, missing: `it could not be made ready: ${error.message.replaceAll('\n', ' ')}` };
  }
}

/** What would change if an output were made again. */
export function fingerprint({ outputs }) {
  return outputs
    .map((path) => {
      const { ino, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
      return `${ino} ${mtimeNs} ${ctimeNs}`;
    })
    .join('\n');
}

function writeInputs(cwd, ids) {
  for (const i of ids) put(join(cwd, `in/${i}.txt`), `input ${i}\n`);
  mkdirSync(join(cwd, 'out'));
}

function put(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const data = (value) => JSON.stringify(value);

// The other peers of P1: each with the same steps, as its users write them.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram, howToGet, versionOf } from './peers.mjs';

/** `ids`, `env`, and of the peers that npm has, where they are. */
export function toolsBeside(work, { ids, env, nx }) {
  return [
    ninja(join(work, 'ninja'), ids, env),
    nxWorkspace(join(work, 'nx'), { ids, env, peer: nx }),
    snakemake(join(work, 'snakemake'), ids, env),
    luigi(join(work, 'luigi'), ids, env),
    dvc(join(work, 'dvc'), ids, env),
  ];
}

function ninja(cwd, ids, env) {
  const path = findProgram('ninja', env.PATH);
  if (!path) return { name: 'ninja', missing: howToGet('ninja') };
  return {
    ...laidOut(cwd, ids, 'ninja', versionOf(path)),
    command: [path],
    proof: (text) => text.trim() === 'ninja: no work to do.',
    proven: 'no work to do',
    prepare() {
      writeInputs(cwd, ids);
      const rules = ids.map((i) => `build out/${i}.txt: cp in/${i}.txt\n`).join('');
      put(join(cwd, 'build.ninja'), `rule cp\n  command = cp $in $out\n${rules}`);
      return [path];
    },
  };
}

/** CI is set for everyone, and then it starts no daemon; without one it puts its outputs back from its cache each time. */
export function nxWorkspace(cwd, { ids, env, peer }) {
  if (peer.missing) return { name: 'nx', missing: peer.missing };
  const n = ids.length;
  const command = [process.execPath, peer.bin, 'run-many', '-t', 'build'];
  return {
    name: 'nx',
    version: peer.version,
    command,
    cwd,
    rewrites: true,
    env: { NX_NO_CLOUD: 'true', NX_TUI: 'false' },
    outputs: ids.map((i) => join(cwd, `packages/p${i}/out.txt`)),
    proof: (text) => text.includes(`instead of running the command for ${n} out of ${n} tasks.`),
    proven: `${n} out of ${n} from the cache`,
    prepare() {
      put(join(cwd, 'package.json'), JSON.stringify({ name: 'root', version: '1.0.0', private: true }));
      const build = { cache: true, inputs: ['{projectRoot}/in.txt'], outputs: ['{projectRoot}/out.txt'] };
      put(
        join(cwd, 'nx.json'),
        JSON.stringify({ neverConnectToCloud: true, analytics: false, targetDefaults: { build } }),
      );
      for (const i of ids) {
        const root = `packages/p${i}`;
        const options = { command: 'cp in.txt out.txt', cwd: root };
        put(
          join(cwd, root, 'project.json'),
          JSON.stringify({ name: `p${i}`, root, targets: { build: { executor: 'nx:run-commands', options } } }),
        );
        put(join(cwd, root, 'in.txt'), `input ${i}\n`);
      }
      put(join(cwd, '.gitignore'), 'node_modules\n.nx\nout.txt\n');
      spawnSync('ln', ['-s', peer.modules, join(cwd, 'node_modules')]);
      const git = (...words) => execFileSync('git', ['-C', cwd, ...words], { env, stdio: 'ignore' });
      git('init', '-q');
      git('add', '-A');
      git('-c', 'user.email=bench@localhost', '-c', 'user.name=bench', 'commit', '-qm', 'bench');
      return command;
    },
  };
}

function snakemake(cwd, ids, env) {
  const path = findProgram('snakemake', env.PATH);
  if (!path) return { name: 'snakemake', missing: howToGet('snakemake') };
  const command = [path, '--cores', '2'];
  return {
    ...laidOut(cwd, ids, 'snakemake', versionOf(path)),
    command,
    proof: (text) => text.includes('Nothing to be done'),
    proven: 'Nothing to be done',
    prepare() {
      writeInputs(cwd, ids);
      put(
        join(cwd, 'Snakefile'),
        `rule all:
    input: expand("out/{i}.txt", i=range(${ids.length}))
rule step:
    input: "in/{i}.txt"
    output: "out/{i}.txt"
    shell: "cp {input} {output}"
`,
      );
      return command;
    },
  };
}

/** With the scheduler in its own process: a daemon would only add to it. */
function luigi(cwd, ids, env) {
  const path = findProgram('luigi', env.PATH);
  if (!path) return { name: 'Luigi', missing: howToGet('luigi') };
  const command = [path, '--module', 'bench', 'All', '--local-scheduler'];
  return {
    ...laidOut(cwd, ids, 'Luigi', packageVersion(path, 'luigi')),
    command,
    env: { PYTHONPATH: cwd },
    proof: (text) => /1 complete ones were encountered/.test(text) && /Did not run any tasks/.test(text),
    proven: 'Did not run any tasks',
    prepare() {
      writeInputs(cwd, ids);
      put(
        join(cwd, 'bench.py'),
        `import luigi, shutil

class Step(luigi.Task):
    i = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget("out/%d.txt" % self.i)

    def run(self):
        shutil.copyfile("in/%d.txt" % self.i, "out/%d.txt" % self.i)

class All(luigi.WrapperTask):
    def requires(self):
        return [Step(i=i) for i in range(${ids.length})]
`,
      );
      return command;
    },
  };
}

function dvc(cwd, ids, env) {
  const path = findProgram('dvc', env.PATH);
  if (!path) return { name: 'DVC', missing: howToGet('dvc') };
  return {
    ...laidOut(cwd, ids, 'DVC', versionOf(path)),
    command: [path, 'repro'],
    env: { DVC_NO_ANALYTICS: '1' },
    proof: (text) => text.includes('Data and pipelines are up to date.'),
    proven: 'up to date',
    prepare() {
      writeInputs(cwd, ids);
      execFileSync(path, ['init', '--no-scm', '-q'], { cwd, env: { ...env, DVC_NO_ANALYTICS: '1' } });
      const item = '$' + '{item}';
      put(
        join(cwd, 'dvc.yaml'),
        `stages:
  step:
    foreach: [${ids.join(', ')}]
    do:
      cmd: cp in/${item}.txt out/${item}.txt
      deps: ["in/${item}.txt"]
      outs: ["out/${item}.txt"]
`,
      );
      // To run them would take it a quarter of an hour: what lies there is taken for made, as far as it is concerned.
      mkdirSync(join(cwd, 'out'), { recursive: true });
      for (const id of ids) copyFileSync(join(cwd, `in/${id}.txt`), join(cwd, `out/${id}.txt`));
      return [path, 'commit', '-f', '-q'];
    },
  };
}

function laidOut(cwd, ids, name, version) {
  return { name, version, cwd, outputs: ids.map((i) => join(cwd, `out/${i}.txt`)) };
}

/** Of what does not tell its own. */
function packageVersion(path, name) {
  const words = ['-c', `from importlib.metadata import version; print(version("${name}"))`];
  return spawnSync(join(dirname(path), 'python3'), words, { encoding: 'utf8' }).stdout?.trim() || 'unknown';
}

function writeInputs(cwd, ids) {
  for (const i of ids) put(join(cwd, `in/${i}.txt`), `input ${i}\n`);
  mkdirSync(join(cwd, 'out'), { recursive: true });
}

function put(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

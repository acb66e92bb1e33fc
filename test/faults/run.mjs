// npm run faults -- F2 F4 F8 F11 quick [--points=N] [--seed=N]
// Runs fault campaigns one after the other, each in a process of its own, and prints one line of JSON for each. Fails if
// one injected nothing (it proved nothing) or found something wrong or lost. STEPASIDE_SABOTAGE=name builds the code
// under test with a deliberate mistake: the campaign then has to fail. `F2 --mutants` tries all of them, one after another.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const rig = join(here, '../rig');
// Beside node_modules, so that the bundles find the packages they leave outside.
const out = join(here, `../../node_modules/.cache/stepaside-faults/${process.pid}`);

const flags = Object.fromEntries(
  process.argv.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')),
);
const known = readdirSync(here)
  .filter((name) => /^(f\d+[a-z]?|f9-(listing|artifacts)|quick)\.ts$/.test(name))
  .map((name) => name.slice(0, -3));
const strange = Object.keys(flags).filter((name) => !['points', 'seed', 'mutants'].includes(name));
if (strange.length > 0) {
  console.error(
    `usage: npm run faults -- [CAMPAIGN...] [--points=N] [--seed=N] [--mutants]\ncampaigns: ${known.join(' ')}`,
  );
  process.exit('help' in flags ? 0 : 2);
}
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const ids = wanted.length === 0 ? known : wanted.map((word) => word.toLowerCase());
const unknown = ids.filter((id) => !existsSync(join(here, `${id}.ts`)));
if (unknown.length > 0) {
  console.error(`no such campaign: ${unknown.join(' ')} (there are ${known.join(' ')})`);
  process.exit(2);
}

const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
const sabotage = process.env.STEPASIDE_SABOTAGE ?? '';
const mutants = 'mutants' in flags;
let failed = 0;
await mkdir(out, { recursive: true });
// What a bundle asks for by the package's own name.
const { name, version, type } = JSON.parse(readFileSync(join(here, '../../package.json'), 'utf8'));
const exports = { './package.json': './package.json' };
await writeFile(join(out, 'package.json'), JSON.stringify({ name, version, type, exports }));
try {
  for (const id of ids) {
    const outfile = join(out, `${id}.mjs`);
    await build({
      stdin: { contents: mainOf(id), resolveDir: here, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      // One bundle for all mutants: the campaign sets the name between two runs.
      define: {
        __SABOTAGE__: mutants ? 'globalThis.stepasideSabotage' : JSON.stringify(sabotage),
        __BUILD__: '"faults"',
      },
      outfile,
      logLevel: 'error',
    });
    if (!(await runs(outfile))) failed += 1;
  }
} finally {
  await rm(out, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);

/** A campaign that needs no server says so by `export const needsServer = false`. */
function mainOf(id) {
  return `
    import * as module from './${id}.ts';
    import { startS3Server } from '../rig/s3-servers.ts';
    const server = module.needsServer === false ? undefined : await startS3Server();
    if (server) console.error('faults: ${id} on ' + server.name + ' ' + server.version + ', seed ${seed}');
    let tally;
    try {
      const points = ${JSON.stringify(flags.points ?? null)} ?? module.points ?? 3000;
      tally = await module.campaign({ points: Number(points), seed: ${seed}, server, mutants: ${mutants} });
    } finally {
      await server?.stop();
    }
    const line = { campaign: '${id.toUpperCase()}', seed: ${seed}, sabotage: ${JSON.stringify(sabotage)}, ...tally };
    console.log(JSON.stringify(line));
    const bad = tally.injected === 0 || tally.wrong !== 0 || (tally.lost ?? 0) !== 0;
    process.exit(bad ? 1 : 0);`;
}

function runs(file) {
  return new Promise((done) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')));
    const child = spawn(process.execPath, [file], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...env, STEPASIDE_RIG_FOLDER: rig },
    });
    const pass = (signal) => child.kill(signal);
    process.on('SIGINT', pass).on('SIGTERM', pass);
    child.on('exit', (code) => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
      done(code === 0);
    });
  });
}

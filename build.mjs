// The whole build: policies to JSON, the library and the command bundled, types by tsc, the editor's schema.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { parse } from 'yaml';
import { buildCommand } from './bundles.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);

const policies = readdirSync(at('policies'))
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => [name.slice(0, -'.yaml'.length), parse(readFileSync(at('policies', name), 'utf8'))]);
writeFileSync(at('src/core/policies.gen.json'), `${JSON.stringify(Object.fromEntries(policies), null, 2)}\n`);

rmSync(at('dist'), { recursive: true, force: true });
const code = createHash('sha256')
  .update(readFileSync(at('package-lock.json')))
  .update(readFileSync(at('bundles.mjs')));
for (const name of readdirSync(at('src'), { recursive: true, encoding: 'utf8' }).sort())
  if (/\.(ts|json)$/.test(name)) code.update(`${name}\n`).update(readFileSync(at('src', name)));
const build16 = code.digest('hex').slice(0, 16);
await buildCommand({ root, outdir: at('dist'), code: build16 });
const common = {
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  define: { __SABOTAGE__: '""', __BUILD__: JSON.stringify(build16) },
  minifySyntax: true,
  logLevel: 'warning',
};
await build({
  ...common,
  entryPoints: { index: at('src/index.ts') },
  outdir: at('dist'),
  splitting: true,
  chunkNames: 'chunk/[name]-[hash]',
});
chmodSync(at('dist/stepaside.cjs'), 0o755);

await build({ ...common, entryPoints: [at('src/spec/json-schema.ts')], outfile: at('dist/json-schema.js') });
const { workflowJsonSchema } = await import(pathToFileURL(at('dist/json-schema.js')).href);
writeFileSync(at('schema.json'), `${JSON.stringify(workflowJsonSchema(), null, 2)}\n`);
rmSync(at('dist/json-schema.js'));

// What V8 makes of the programs is kept from their first run: this one, so that nobody waits for it later.
const trial = mkdtempSync(join(tmpdir(), 'stepaside-build-'));
const FLOW = 'name: trial\nsteps: [{ name: made, run: echo made > made, outputs: [{ path: made, atomic: true }] }]\n';
writeFileSync(join(trial, 'stepaside.yaml'), FLOW);
for (const words of [['run'], ['check', 'made']])
  execFileSync(process.execPath, [at('dist/stepaside.cjs'), ...words, '--quiet'], {
    cwd: trial,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
rmSync(trial, { recursive: true });

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const emit = ['-p', at('tsconfig.build.json')];
execFileSync(process.execPath, [tsc, ...emit], { stdio: 'inherit' });

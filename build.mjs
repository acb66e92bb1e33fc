// The whole build: policies to JSON, the library and the command bundled, types by tsc, the editor's schema.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
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

const xml = (name, text) => `<${name}>${text}</${name}>`;
const OBJECTS = Array.from({ length: 50 }, (_, i) =>
  xml(
    'Contents',
    `${xml('Key', `a/${i}`)}<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>0</Size>`,
  ),
);
const LISTING = xml(
  'ListBucketResult',
  `<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>${OBJECTS.join('')}`,
);

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

await trial();

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const emit = ['-p', at('tsconfig.build.json')];
execFileSync(process.execPath, [tsc, ...emit], { stdio: 'inherit' });

/**
 * What V8 makes of the programs is kept from their first run: these, so that nobody waits for it later. They go the ways
 * that are gone most: a step that runs, and looks at a server that has nearly nothing.
 */
async function trial() {
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-build-'));
  const server = createServer((request, response) => {
    const isList = request.url.includes('list-type');
    response.writeHead(isList ? 200 : 404, { 'content-type': 'application/xml' });
    response.end(isList ? LISTING : '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${server.address().port}`,
  };
  const flow =
    'name: trial\nsteps: [{ name: made, run: echo made > made, outputs: [{ path: made, atomic: true, keep: artifact }] }]\n';
  writeFileSync(join(folder, 'stepaside.yaml'), flow);
  const keys = Array.from({ length: 60 }, (_, i) => `s3://bucket/a/${i}`);
  const trials = [
    [0, 'run', '--quiet'],
    [10, 'check', ...keys, 's3://bucket/z', 'made', './'],
  ];
  for (const [expected, ...words] of trials) {
    const stdio = ['ignore', 'ignore', 'inherit'];
    const child = spawn(process.execPath, [at('dist/stepaside.cjs'), ...words], { cwd: folder, env, stdio });
    const [exit] = await once(child, 'exit');
    if (exit !== expected) throw new Error(`${words[0]} ended with ${exit} when it was tried`);
  }
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
}

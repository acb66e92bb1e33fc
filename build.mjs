// The whole build: policies to JSON, the library and the command bundled, types by tsc, the editor's schema.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { parse } from 'yaml';

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);

const policies = readdirSync(at('policies'))
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => [name.slice(0, -'.yaml'.length), parse(readFileSync(at('policies', name), 'utf8'))]);
writeFileSync(at('src/core/policies.gen.json'), `${JSON.stringify(Object.fromEntries(policies), null, 2)}\n`);

rmSync(at('dist'), { recursive: true, force: true });
const code = createHash('sha256').update(readFileSync(at('package-lock.json')));
for (const name of readdirSync(at('src'), { recursive: true, encoding: 'utf8' }).sort())
  if (/\.(ts|json)$/.test(name)) code.update(`${name}\n`).update(readFileSync(at('src', name)));
const buildName = code.digest('hex').slice(0, 16);
const common = {
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  // Sabotage belongs to the fault campaigns. With the name empty, every branch that asks for one falls away here.
  define: { __SABOTAGE__: '""', __BUILD__: JSON.stringify(buildName) },
  minifySyntax: true,
  logLevel: 'warning',
};
await build({
  ...common,
  entryPoints: { index: at('src/index.ts'), cli: at('src/cli/main.ts'), heart: at('src/heart.ts') },
  outdir: at('dist'),
  splitting: true,
  chunkNames: 'chunk/[name]-[hash]',
});
// What the command starts with: it answers what it can without any of the rest. CommonJS starts 5 ms sooner.
await build({
  ...common,
  define: { ...common.define, 'import.meta.url': '__filename' },
  format: 'cjs',
  minify: true,
  entryPoints: [at('src/start.ts')],
  external: ['./check.cjs'],
  outfile: at('dist/stepaside.cjs'),
  plugins: [
    {
      name: 'the rest',
      setup: (own) => own.onResolve({ filter: /\/cli\/main\.js$/ }, () => ({ path: './cli.js', external: true })),
    },
  ],
});
chmodSync(at('dist/stepaside.cjs'), 0o755);
// `check` stands in shell scripts, in loops: one file that loads in half the time of forty. Other commands are not in it.
await build({
  ...common,
  define: { ...common.define, 'import.meta.url': '__url' },
  banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
  format: 'cjs',
  minify: true,
  entryPoints: { check: at('src/cli/main.ts') },
  outdir: at('dist'),
  outExtension: { '.js': '.cjs' },
  plugins: [
    {
      name: 'no other command',
      setup: (own) =>
        own.onResolve({ filter: /^\.\/[a-z-]+\.js$/ }, ({ kind, path, importer }) =>
          kind === 'dynamic-import' && importer.endsWith('cli/commands.ts') && path !== './check.js'
            ? { path: './cli.js', external: true }
            : undefined,
        ),
    },
  ],
});
await compileCheck();

await build({ ...common, entryPoints: [at('src/spec/json-schema.ts')], outfile: at('dist/json-schema.js') });
const { workflowJsonSchema } = await import(pathToFileURL(at('dist/json-schema.js')).href);
writeFileSync(at('schema.json'), `${JSON.stringify(workflowJsonSchema(), null, 2)}\n`);
rmSync(at('dist/json-schema.js'));

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const emit = ['-p', at('tsconfig.build.json')];
execFileSync(process.execPath, [tsc, ...emit], { stdio: 'inherit' });

/** For the Node that builds: what `check` uses on its way is compiled beforehand, by asking a server that has nothing. */
async function compileCheck() {
  const server = createServer((request, response) => {
    const isList = request.url.includes('list-type');
    response.writeHead(isList ? 200 : 404, { 'content-type': 'application/xml' });
    if (!isList) return response.end();
    const xml = (name, text) => `<${name}>${text}</${name}>`;
    const object = (key) =>
      xml(
        'Contents',
        `${xml('Key', key)}<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>0</Size>`,
      );
    const listed = Array.from({ length: 50 }, (_, i) => object(`a/${i}`)).join('');
    response.end(xml('ListBucketResult', `<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>${listed}`));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${server.address().port}`,
  };
  const keys = Array.from({ length: 60 }, (_, i) => `s3://bucket/a/${i}`);
  const words = ['check', ...keys, 's3://bucket/z', at('package.json'), at('policies/')];
  const out = at(`dist/check.${process.version}-${process.arch}.bin`);
  const child = spawn(process.execPath, [at('compile.mjs'), at('dist/check.cjs'), buildName, out, ...words], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [exit] = await once(child, 'exit');
  server.close();
  server.closeAllConnections();
  if (exit !== 10) throw new Error(`check ended with ${exit} while it was compiled`);
}

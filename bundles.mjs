import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** What is loaded only where it is needed, and what is not JavaScript, is left outside. */
const OUTSIDE = ['@aws-sdk/*', '@smithy/*', '@napi-rs/*', 'blake3-wasm'];

/**
 * The command: what it starts with, which answers what it can without any of the rest, and the rest, as programs of one
 * file each. `__SABOTAGE__` belongs to the fault campaigns: with the name empty, every branch that asks for one falls away.
 */
export async function buildCommand({ root, outdir, sabotage = '', code }) {
  const at = (...parts) => join(root, ...parts);
  const define = { __SABOTAGE__: JSON.stringify(sabotage), __BUILD__: JSON.stringify(code) };
  const common = {
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    minify: true,
    logLevel: 'warning',
  };
  await build({
    ...common,
    define: { ...define, 'import.meta.url': '__filename' },
    entryPoints: [at('src/start.ts')],
    outfile: join(outdir, 'stepaside.cjs'),
  });
  const program = {
    ...common,
    define: { ...define, 'import.meta.url': '__url' },
    banner: { js: "const __url = require('node:url').pathToFileURL(__filename).href;" },
    // What V8 kept of a script has lost who answers its import(): libraries are asked for by require.
    supported: { 'dynamic-import': false },
    entryPoints: [at('src/cli/main.ts')],
  };
  const whole = { ...program, external: OUTSIDE, legalComments: 'none', outfile: join(outdir, 'cli.cjs') };
  const { metafile } = await build({ ...whole, metafile: true });
  writeFileSync(join(outdir, 'cli.LICENSES.txt'), licencesOf(root, Object.keys(metafile.inputs)));
  // `check` stands in shell scripts, in loops: neither other commands nor libraries are in its program.
  await build({
    ...program,
    packages: 'external',
    outfile: join(outdir, 'check.cjs'),
    plugins: [
      {
        name: 'no other command',
        setup: (own) =>
          own.onResolve({ filter: /^\.\/[a-z-]+\.js$/ }, ({ kind, path, importer }) =>
            kind === 'dynamic-import' && importer.endsWith('cli/commands.ts') && path !== './check.js'
              ? { path: './cli.cjs', external: true }
              : undefined,
          ),
      },
    ],
  });
  await build({
    ...common,
    format: 'esm',
    packages: 'external',
    define,
    entryPoints: [at('src/heart.ts')],
    outfile: join(outdir, 'heart.js'),
  });
}

/** What the libraries in the program ask for: their notices go with it. */
function licencesOf(root, files) {
  const packages = new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  return [...packages]
    .sort()
    .map((path) => {
      const folder = join(root, path.slice(path.lastIndexOf('node_modules', path.length)));
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const text = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
      return `${name} ${version} (${license})\n\n${text ? readFileSync(join(folder, text), 'utf8') : ''}`;
    })
    .join('\n---\n\n');
}

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

export interface OwnBuild {
  /** In place of dist/cli.js. */
  readonly cli: string;
  remove(): void;
}

/**
 * The command as build.mjs makes it, in a folder of its own and with a deliberate mistake in it, if one is named.
 * `whole`: with most libraries in it, which start twice as fast: for who starts it ten thousand times.
 */
export async function ownBuild(sabotage: string, { whole = false } = {}): Promise<OwnBuild> {
  // Bundles of the campaigns lie elsewhere, and are told where the rig is.
  const root = resolve(process.env['STEPASIDE_RIG_FOLDER'] ?? import.meta.dirname, '../..');
  const caches = join(root, 'node_modules/.cache');
  mkdirSync(caches, { recursive: true });
  const folder = mkdtempSync(join(caches, 'stepaside-build-'));
  const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  const exports = { './package.json': './package.json' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, type, exports }));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  await build({
    entryPoints: { cli: join(root, 'src/cli/main.ts'), heart: join(root, 'src/heart.ts') },
    outdir: join(folder, 'dist'),
    chunkNames: 'chunk/[name]-[hash]',
    define: { __SABOTAGE__: JSON.stringify(sabotage), __BUILD__: '"own"' },
    ...{ bundle: true, splitting: true, minifySyntax: true, platform: 'node' },
    ...(whole ? { external: ['@aws-sdk/*', '@napi-rs/*', 'blake3-wasm'], banner: { js: REQUIRE } } : {}),
    ...(whole ? {} : { packages: 'external' }),
    ...{ format: 'esm', target: 'node20.19', logLevel: 'error' },
  }).catch((error: unknown) => {
    remove();
    throw error;
  });
  return { cli: join(folder, 'dist/cli.js'), remove };
}

/** What CommonJS asks for in a bundle of modules. */
const REQUIRE = `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);`;

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface OwnBuild {
  /** In place of dist/stepaside.cjs. */
  readonly cli: string;
  remove(): void;
}

/** The command as build.mjs makes it, in a folder of its own and with a deliberate mistake in it, if one is named. */
export async function ownBuild(sabotage: string): Promise<OwnBuild> {
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
  const { buildCommand } = (await import(pathToFileURL(join(root, 'bundles.mjs')).href)) as {
    buildCommand(how: { root: string; outdir: string; sabotage: string; code: string }): Promise<void>;
  };
  await buildCommand({ root, outdir: join(folder, 'dist'), sabotage, code: 'own' }).catch((error: unknown) => {
    remove();
    throw error;
  });
  return { cli: join(folder, 'dist/stepaside.cjs'), remove };
}

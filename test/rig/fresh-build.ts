import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** The tests of the command run what users run, `dist/`. `npm ci` has built it; after an edit it is built again. */
export default function freshBuild(): void {
  const built = join(root, 'dist/stepaside.cjs');
  const builtAt = existsSync(built) ? statSync(built).mtimeMs : 0;
  const sources = ['src', 'policies'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|yaml)$/.test(name))
      .map((name) => join(root, folder, name)),
  );
  if (sources.some((file) => statSync(file).mtimeMs > builtAt))
    execFileSync(process.execPath, [join(root, 'build.mjs')], { stdio: 'inherit' });
}

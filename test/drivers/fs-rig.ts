import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { build } from 'esbuild';
import { afterAll } from 'vitest';

/** A folder for one test file, open to every user, gone afterwards. */
export function scratch(): () => string {
  const all: string[] = [];
  afterAll(() => {
    for (const folder of all) rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    const folder = mkdtempSync(join(tmpdir(), 'stepaside-fs-'));
    chmodSync(folder, 0o777);
    all.push(folder);
    return folder;
  };
}

export function plant(root: string, files: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), text);
  }
}

/** As Node throws it: what libuv has no name for has only a number. */
export function errno(name: string, syscall: string): NodeJS.ErrnoException {
  const number = -((constants.errno as Readonly<Record<string, number>>)[name] ?? 4_000);
  const [code] = getSystemErrorMap().get(number) ?? [number === -4_000 ? name : `Unknown system error ${number}`];
  return Object.assign(new Error(`${code}: by this test, ${syscall}`), { code, errno: number, syscall });
}

const NOBODY = 65_534;

/** Root may do everything, so rights are tried as somebody else. */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

export const NFS = 0x6969;
export const FUSE = 0x65735546;

/** One of the scripts beside the tests as a file that Node runs. */
export async function bundled(script: string, folder: string): Promise<string> {
  const outfile = join(folder, script.replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [join(import.meta.dirname, script)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    define: { __SABOTAGE__: '""' },
  });
  return outfile;
}

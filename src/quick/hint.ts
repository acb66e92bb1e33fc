import { join } from 'node:path';

/**
 * What a run that found everything done has left beside the workflow: all that its answer hung on. If none of it has
 * changed, the answer is the same. A hint is no proof and no record: whatever differs, the long way is gone.
 */
export interface Hint {
  readonly v: typeof HINT_VERSION;
  /** Of our own code: another build may decide otherwise. */
  readonly build: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: string;
  /** What was written may be lost with the machine's memory; then nothing here is worth anything. */
  readonly boot: string;
  /** The cache's epoch: each slot that is appended to any of its logs changes it. */
  readonly epoch: readonly [path: string, text: string];
  /** Workflow and config, whole. */
  readonly texts: readonly (readonly [path: string, text: string])[];
  /** Where nothing may be. */
  readonly absent: readonly string[];
  readonly files: readonly Guard[];
  readonly inputs: readonly (readonly [...Guard, digest: string])[];
  /** Folders whose names were listed. */
  readonly folders: readonly Guard[];
  /** Milliseconds since 1970; a record that is older then is too old. */
  readonly until?: number;
  readonly said: Said;
}

/** Paths are relative to the working folder. */
export type Guard = readonly [path: string, size: number, mtimeMs: number, ctimeMs: number, inode: number];

export interface Said {
  /** A line for each step, with colours. */
  readonly lines: string;
  /** What stands on a terminal. */
  readonly tree?: string;
  readonly summary?: { readonly steps: number; readonly savedMs: number };
}

/** With -q. */
export const SILENCE: Said = { lines: '' };

export const HINT_VERSION = 1;

/** One file for each way of asking; two ways that share a name overwrite each other's, and each is checked word by word. */
export function hintFile(folder: string, argv: readonly string[], cwd: string): string {
  return join(folder, '.stepaside', 'hints', `${nameOf(JSON.stringify([argv, cwd]))}.json`);
}

function nameOf(text: string): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}

/** Our own settings; undefined where one is a secret, which is written nowhere. */
export function envOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env['STEPASIDE_SECRET'] || env['STEPASIDE_NO_HINTS']) return undefined;
  const ours = Object.keys(env).filter((name) => name.startsWith('STEPASIDE_'));
  return ours
    .sort()
    .map((name) => `${name}=${env[name]}`)
    .join('\n');
}

/** The folder beside which the hints of this command lie, or undefined if it leaves none. */
export function hintedFolder(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [command, ...words] = argv;
  if (command === 'exec') return '.';
  if (command !== 'run') return undefined;
  let file = env['STEPASIDE_FILE'] || 'stepaside.yaml';
  for (const [at, word] of words.entries()) {
    if (word === '-f' || word === '--file') file = words[at + 1] ?? '';
    else if (word.startsWith('--file=')) file = word.slice('--file='.length);
    else if (word.startsWith('-f')) return undefined;
  }
  return join(file, '..');
}

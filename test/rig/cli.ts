import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';

const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  json(): Record<string, unknown>;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** For Node itself. */
  readonly nodeArgs?: readonly string[];
}

/** The real command in a process of its own, with nothing of the developer's environment but PATH. */
export function stepaside(words: readonly string[], options: CliOptions = {}): Promise<Ran> {
  return startStepaside(words, options).ended;
}

/** The same, for who wants to send it signals. */
export function startStepaside(
  words: readonly string[],
  { cwd = tmpdir(), env = {}, nodeArgs = [] }: CliOptions = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ran> } {
  const clean = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', STEPASIDE_REGISTRIES: 'off', ...env };
  const child = spawn(process.execPath, [...nodeArgs, cli, ...words], {
    cwd,
    env: clean,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<Ran>((done, fail) => {
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    child.on('error', fail);
    child.on('close', (code) => {
      const text = Buffer.concat(stdout).toString();
      done({
        code: code ?? -1,
        stdout: text,
        stderr: Buffer.concat(stderr).toString(),
        json: () => JSON.parse(text) as Record<string, unknown>,
      });
    });
  });
  return { child, ended };
}

/** A folder with these files in it, gone when the test has ended. */
export function folderWith(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

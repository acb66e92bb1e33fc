import { createWriteStream, mkdirSync, mkdtempSync, rmSync, type WriteStream, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { paramValues } from '../core/resolve.js';
import type { Command, Workflow } from '../core/step.js';
import { containerEngine } from '../look/images.js';
import type { Execute, Executed, Task } from './engine.js';
import { maskedLines } from './mask.js';
import { type Ended, run } from './spawn.js';

export interface Executing {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where logs are kept; absent: the command has the terminal. */
  readonly logs?: string | undefined;
  /** Ends what runs at once. */
  readonly kill?: AbortSignal | undefined;
  /** Each line of a log as it comes. */
  readonly onLine?: ((step: string, line: string) => void) | undefined;
}

/** Beside the workflow, wherever its cache is. */
export function logsFolder({ folder }: Pick<Workflow, 'folder'>): string {
  return join(folder, '.stepaside', 'logs');
}

/** Starts what a step says, on this machine or in a container of its image. Values reach it as words or environment. */
export function executor(options: Executing): Execute {
  return async (task) => {
    const { resolved } = task.instance;
    if (task.what === 'validate')
      return resolved.validate === undefined ? { exitCode: 0 } : start(task, words(resolved.validate), options);
    if (resolved.script) return withScript(resolved.script, (argv) => start(task, argv, options));
    if (resolved.run === undefined) return { exitCode: 0 };
    return start(task, words(resolved.run), options);
  };
}

function words(command: Command): readonly string[] {
  return typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
}

async function withScript(
  { interpreter, source }: { readonly interpreter: readonly string[]; readonly source: string },
  use: (argv: readonly string[]) => Promise<Executed>,
): Promise<Executed> {
  let folder: string | undefined;
  try {
    let file: string;
    try {
      folder = mkdtempSync(join(tmpdir(), 'stepaside-script-'));
      file = join(folder, 'script');
      writeFileSync(file, source, { mode: 0o700 });
    } catch (error) {
      return { exitCode: 126, why: `its script cannot be put into a file: ${(error as Error).message}` };
    }
    return await use([...interpreter, file]);
  } finally {
    remove(folder);
  }
}

/** What stays behind in the temporary folder is rubbish, not damage. */
function remove(folder: string | undefined): void {
  try {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  } catch {
    return;
  }
}

async function start(task: Task, argv: readonly string[], { env, logs, kill, onLine }: Executing): Promise<Executed> {
  const { workflow, instance, signal } = task;
  const own = {
    ...instance.resolved.env,
    STEPASIDE_STEP: instance.name,
    STEPASIDE_RUN: task.run,
    ...(task.key === undefined ? {} : { STEPASIDE_KEY: task.key }),
  };
  const contained =
    instance.resolved.image === undefined || task.what === 'validate'
      ? argv
      : inContainer(instance.resolved.image, argv, { folder: workflow.folder, own, path: env['PATH'] });
  if (!contained)
    return {
      exitCode: 126,
      why: `it needs the image ${instance.resolved.image}, and neither docker nor podman is on this machine: install one, or leave out image`,
    };
  const timeoutMs = instance.step.timeoutMs;
  const base = { argv: contained, folder: workflow.folder, env: { ...env, ...own }, timeoutMs, signal, kill };
  if (logs === undefined) return ended(await run({ ...base, output: 'inherit' }), contained, timeoutMs);
  const log = new Log(join(logs, task.run), `${fileName(instance.name)}.log`);
  const masked = maskedLines([...secretsOf(workflow), ...accountsOf(env)], (line) => {
    log.write(line);
    onLine?.(instance.name, line);
  });
  const end = await run({ ...base, output: masked });
  masked.end();
  await finished(masked);
  return { ...ended(end, contained, timeoutMs), ...(await log.end()) };
}

/** What cannot be written is lost, and said so: a full disk is no reason why a step did not end well. */
class Log {
  readonly #path: string;
  readonly #file: WriteStream | undefined;
  #lost: string | undefined;

  constructor(folder: string, name: string) {
    this.#path = join(folder, name);
    const lose = ({ message }: Error) => {
      this.#lost ??= message;
    };
    try {
      mkdirSync(folder, { recursive: true });
      this.#file = createWriteStream(this.#path, { flags: 'a', mode: 0o600 }).on('error', lose);
    } catch (error) {
      lose(error as Error);
    }
  }

  write(line: string): void {
    if (this.#lost === undefined) this.#file?.write(`${line}\n`);
  }

  async end(): Promise<Pick<Executed, 'log' | 'unlogged'>> {
    if (this.#file && this.#lost === undefined) {
      this.#file.end();
      await finished(this.#file).catch(() => undefined);
    }
    return this.#lost === undefined ? { log: this.#path } : { unlogged: this.#lost };
  }
}

function ended({ exitCode, why }: Ended, argv: readonly string[], timeoutMs: number | undefined): Executed {
  switch (why) {
    case undefined:
      return { exitCode };
    case 'not-found':
      return { exitCode, why: `there is no program ${argv[0]} (or its folder is gone)` };
    case 'not-executable':
      return {
        exitCode,
        why: `${argv[0]} cannot be started: no permission to run it, no program, or too long an argument`,
      };
    case 'timeout':
      // A command that ends with 0 when it is told to stop has not done its work all the same.
      return { exitCode: exitCode || 124, why: `it took longer than its timeout of ${(timeoutMs ?? 0) / 1000} s` };
    case 'interrupted':
      return { exitCode: exitCode || 130, why: 'the run was interrupted' };
    default:
      return why satisfies never;
  }
}

function inContainer(
  image: string,
  argv: readonly string[],
  {
    folder,
    own,
    path = '',
  }: { readonly folder: string; readonly own: Readonly<Record<string, string>>; readonly path: string | undefined },
): readonly string[] | undefined {
  const engine = containerEngine(path);
  if (engine === undefined) return undefined;
  // Names only: values go through the environment, where `ps` of others does not see them.
  const names = Object.keys(own).flatMap((name) => ['--env', name]);
  return [
    engine,
    'run',
    '--rm',
    '--init',
    '--volume',
    `${folder}:${folder}`,
    '--workdir',
    folder,
    ...names,
    image,
    ...argv,
  ];
}

function secretsOf(workflow: Workflow): readonly string[] {
  const values = paramValues(workflow);
  return Object.entries(workflow.params).flatMap(([name, { secret }]) =>
    secret && values[name] !== undefined ? [String(values[name])] : [],
  );
}

/** What a step is given of ours, and says when it says its whole environment. */
function accountsOf(env: Executing['env']): readonly string[] {
  const names = ['STEPASIDE_SECRET', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
  return names.flatMap((name) => env[name] || []).filter((value) => value.length >= ACCOUNT_CHARS);
}

/** A shorter one is no secret: masked, it would make a log unreadable. */
const ACCOUNT_CHARS = 6;

/** An instance's name as a file's: items may hold slashes, and two names must not become one. */
export function fileName(instance: string): string {
  return encodeURIComponent(instance).slice(0, 200);
}

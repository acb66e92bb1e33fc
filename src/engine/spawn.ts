import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { guarding } from './guardian.js';

export interface Spawned {
  readonly argv: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number | undefined;
  /** Asks it to end; `kill` ends it. */
  readonly signal?: AbortSignal | undefined;
  readonly kill?: AbortSignal | undefined;
  /** Where its words go: `inherit`, or a log. */
  readonly output: 'inherit' | Writable;
}

export interface Ended {
  readonly exitCode: number;
  readonly why?: 'timeout' | 'interrupted' | 'not-found' | 'not-executable';
}

/** After SIGTERM a child has so long to put its things in order. */
const GRACE_MS = 10_000;

/** Runs a program in a process group of its own, so that its children end with it. */
export function run({ argv, folder, env, timeoutMs, signal, kill: killing, output }: Spawned): Promise<Ended> {
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    const inherit = output === 'inherit';
    let child: ChildProcess;
    const begun = env['STEPASIDE_RUN'] === undefined ? undefined : guarding(env['STEPASIDE_RUN']);
    try {
      child = spawn(program, args, {
        cwd: folder,
        env: env as NodeJS.ProcessEnv,
        detached: true,
        // A terminal sends its words to the foreground group only: a child that read it from its own group would be stopped.
        stdio: inherit
          ? [process.stdin.isTTY ? 'ignore' : 'inherit', 'inherit', 'inherit']
          : ['ignore', 'pipe', 'pipe'],
      });
    } catch {
      // Node throws some refusals instead of telling them: too long a word, a NUL in one of them.
      resolve({ exitCode: 126, why: 'not-executable' });
      return;
    }
    const over = child.pid === undefined ? undefined : begun?.(child.pid);
    let why: Ended['why'];
    let grace: NodeJS.Timeout | undefined;
    const kill = (name: NodeJS.Signals) => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, name);
      } catch {
        // It ended by itself in between.
      }
    };
    const end = (reason: NonNullable<Ended['why']>) => {
      why ??= reason;
      kill('SIGTERM');
      grace ??= setTimeout(() => kill('SIGKILL'), GRACE_MS);
    };
    const interrupt = () => end('interrupted');
    const murder = () => kill('SIGKILL');
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), timeoutMs);
    const done = (ended: Ended) => {
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener('abort', interrupt);
      killing?.removeEventListener('abort', murder);
      // Grandchildren that hold no pipe of ours may still be there: a step that ended has ended.
      if (why !== undefined) kill('SIGKILL');
      over?.();
      resolve(ended);
    };
    if (!inherit)
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (piece: Buffer) => output.write(piece));
    child.on('error', (error: NodeJS.ErrnoException) =>
      done(error.code === 'ENOENT' ? { exitCode: 127, why: 'not-found' } : { exitCode: 126, why: 'not-executable' }),
    );
    child.on('close', (code, name) => done({ exitCode: code ?? 128 + numberOf(name), ...(why ? { why } : {}) }));
    if (signal?.aborted) interrupt();
    if (killing?.aborted) murder();
    signal?.addEventListener('abort', interrupt);
    killing?.addEventListener('abort', murder);
  });
}

const NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
  SIGSEGV: 11,
  SIGABRT: 6,
  SIGPIPE: 13,
};

function numberOf(name: NodeJS.Signals | null): number {
  return (name && NUMBERS[name]) || 1;
}

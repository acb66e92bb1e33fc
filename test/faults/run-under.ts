import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Nothing here takes as long: who has not ended by then hangs. The ttl is left at a minute, so nobody waits it out unseen. */
const DEADLINE_MS = 45_000;

/** Temporary files that one fault may leave of each step: slots of two logs at the same time, and after each the epoch. */
export const LITTER_A_FAULT = 4;

/** What strace does at a call: `signal=KILL`, `error=EIO`. */
export interface Injection {
  readonly call: string;
  readonly what: string;
  readonly at: number;
  /** Something changes by that call: a form too short for all calls begins with those. */
  readonly telling?: boolean;
}

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly hung: boolean;
  /** What strace wrote, if it was asked to watch. */
  readonly trace: string;
}

interface Under {
  readonly strace: string;
  /** Where it runs and leaves its trace. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly inject?: Injection | undefined;
  /** Only watch these calls. */
  readonly watch?: string | undefined;
  /** What only makes ready may take long on a busy machine. */
  readonly deadlineMs?: number | undefined;
}

/** A command, under strace if something is to be done to it. Ends when its orphans have ended, too. */
export function runUnder(words: readonly string[], asked: Under): Promise<Ran> {
  const { strace, folder, env, inject, watch, deadlineMs = DEADLINE_MS } = asked;
  const trace = join(folder, 'trace');
  const calls = inject?.call ?? watch;
  const under =
    calls === undefined
      ? []
      : [
          // With the kernel's filter strace 6.1 kills nobody; without it every call of the command costs two stops.
          ...[strace, '-f', ...(inject?.what.startsWith('signal') ? [] : ['--seccomp-bpf'])],
          ...['-qq', '-yy', '-s', '8', '-o', trace, '-e', `trace=${calls}`, '-e', 'signal=none'],
          ...(inject ? ['-e', `inject=${inject.call}:${inject.what}:when=${inject.at}`] : []),
        ];
  const [program, ...rest] = [...under, ...words];
  const child = spawn(program!, rest, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...{ PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
      // One thread at a time, so that the n-th call is the same one each time.
      ...{ UV_THREADPOOL_SIZE: '1', STEPASIDE_HEARTBEAT_MS: '30' },
      ...env,
    },
  });
  return new Promise((done, fail) => {
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    let hung = false;
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    child.on('error', fail);
    const impatient = setTimeout(() => {
      hung = true;
      process.kill(-child.pid!, 'SIGKILL');
    }, deadlineMs);
    child.on('close', (code, signal) => {
      clearTimeout(impatient);
      done({
        ...{ code, signal, hung },
        ...{ stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() },
        trace: calls === undefined ? '' : readFileSync(trace, 'utf8'),
      });
    });
  });
}

/** The n-th call of that name in one of the command's threads. */
export interface Call {
  readonly call: string;
  readonly n: number;
  /** Of the line that strace wrote. */
  readonly line: string;
  /** At one of our files, or on a connection. */
  readonly ours: boolean;
}

/** The script's own calls are left out: they are those of processes that the command starts. */
export function callsIn(trace: string, folder: string): readonly Call[] {
  const counts = new Map<string, number>();
  const lines = trace.split('\n').flatMap((line) => {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || call === undefined) return [];
    const n = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, n);
    return [{ thread, call, n, line, ours: isAt(line, folder) || line.includes('<TCP') }];
  });
  const scripts = new Set(lines.filter(({ line }) => /bin\/bash|\.sh>/.test(line)).map(({ thread }) => thread));
  return lines.filter(({ thread }) => !scripts.has(thread));
}

/** Of the file itself; that the command stands in that folder is written in every line. */
export function isAt(line: string, folder: string): boolean {
  const call = line.replace(/AT_FDCWD<[^>]*>/g, '');
  return call.includes(`"${folder}`) || call.includes(`<${folder}`);
}

/** The calls at which a kill may find something half done: all from the first that writes or connects, and one more of each. */
export function killsIn(calls: readonly Call[]): readonly Injection[] {
  const begin = calls.findIndex(({ call, ours }) => ours && /^(mkdir|connect|pwrite64)$/.test(call));
  const relevant = calls
    .slice(begin)
    .filter(({ call, ours, line }) => ours || !/^(statx|read|close|openat)$/.test(call) || /socket|pipe/.test(line))
    // The command's threads wake each other so: several hundred times, and nobody else sees it.
    .filter(({ line }) => !line.includes('<anon_inode:'));
  const telling = new Set(
    relevant
      .filter(
        ({ call, line }) => /^(link|rename|unlink|pwrite64|fsync)$/.test(call) || /^\d+ +writev?\(\d+<TCP/.test(line),
      )
      .map(({ call, n }) => `${call} ${n}`),
  );
  const seen = new Set(relevant.map(({ call, n }) => `${call} ${n}`));
  for (const call of new Set(relevant.map((one) => one.call)))
    seen.add(`${call} ${Math.max(...calls.filter((one) => one.call === call).map(({ n }) => n)) + 1}`);
  return [...seen].map((text) => {
    const [call = '', n] = text.split(' ');
    return { call, at: Number(n), what: 'signal=KILL', telling: telling.has(text) };
  });
}

export const CALLS = [
  ...['openat', 'close', 'read', 'pread64', 'getdents64', 'statx'],
  ...['write', 'writev', 'pwrite64', 'fsync', 'fdatasync', 'link', 'rename', 'unlink', 'mkdir', 'rmdir', 'ftruncate'],
  ...['socket', 'connect', 'sendto', 'recvfrom', 'shutdown', 'clone3', 'vfork', 'wait4'],
];

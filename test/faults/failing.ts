import { type Call, type Injection, isAt, type Ran } from './run-under.js';

const ERRORS = ['ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'ESTALE', 'EDQUOT'];

/** Calls on files that fail now and then. */
export const FAILING = [
  ...['openat', 'close', 'read', 'pread64', 'getdents64', 'statx'],
  ...['write', 'pwrite64', 'fsync', 'fdatasync', 'link', 'rename', 'unlink', 'mkdir', 'rmdir', 'ftruncate'],
];

/** Each of them once, in each of seven ways. */
export function failuresIn(calls: readonly Call[]): readonly Injection[] {
  const seen = new Set(calls.filter(({ ours }) => ours).map(({ call, n }) => `${call} ${n}`));
  return [...seen].flatMap((text) => {
    const [call = '', n] = text.split(' ');
    return ERRORS.map((error) => ({ call, at: Number(n), what: `error=${error}` }));
  });
}

/**
 * Counters are those of threads: another one may have come to its n-th call first, at something that is not ours. libuv
 * ends the process where it cannot close what the kernel says of memory: nobody can catch that.
 */
export function hasFailedAt({ trace }: Ran, folder: string): boolean {
  const failed = failedIn(trace);
  return failed.some((line) => isAt(line, folder)) && !failed.some((line) => /<\/(proc|sys)\//.test(line));
}

/** The lines of calls that were made to fail, each with what it was about. */
function failedIn(trace: string): readonly string[] {
  const lines = trace.split('\n');
  return lines.flatMap((line, at) => {
    if (!line.includes('(INJECTED)')) return [];
    if (!line.includes(' resumed>')) return [line];
    const [thread] = line.split(' ', 1);
    return lines.slice(0, at).findLast((one) => one.startsWith(`${thread} `) && one.includes('<unfinished')) ?? line;
  });
}

/** What a command that met a failing call must not do, however it ends. */
export function faultsOf(ran: Ran): readonly string[] {
  const wrong: string[] = ran.hung ? ['it hangs'] : [];
  if (/this is a bug|internal:|^ {4}at |UnhandledPromise|node:internal/m.test(ran.stderr))
    wrong.push(`it shows its inside: ${ran.stderr.slice(-1500)}`);
  if (ran.signal !== null && !ran.hung) wrong.push(`it ended by ${ran.signal}: ${ran.stderr.slice(-500)}`);
  return wrong;
}

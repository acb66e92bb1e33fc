import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../conformance/random.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { sweep } from './publish/sweep.js';
import { type Call, type Injection, isAt, type Ran } from './run-under.js';

/** The long form: calls that fail. */
export const points = 4_000;

const ERRORS = ['ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'ESTALE', 'EDQUOT'];
const CALLS = [
  ...['openat', 'close', 'read', 'pread64', 'getdents64', 'statx'],
  ...['write', 'pwrite64', 'fsync', 'fdatasync', 'link', 'rename', 'unlink', 'mkdir', 'rmdir', 'ftruncate'],
];

/** F6 of LIMITS: each call on the real command's files fails once, in each of seven ways. */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found = await sweep({
    points,
    random,
    server,
    onlyFolders: true,
    calls: CALLS,
    plan,
    isHit,
    judgeRan,
    strictness: { mayStay: true },
  });
  return { ...found, examples: found.examples.slice(0, 12) };
}

function plan(calls: readonly Call[]): readonly Injection[] {
  const seen = new Set(calls.filter(({ ours }) => ours).map(({ call, n }) => `${call} ${n}`));
  return [...seen].flatMap((text) => {
    const [call = '', n] = text.split(' ');
    return ERRORS.map((error) => ({ call, at: Number(n), what: `error=${error}` }));
  });
}

/** Counters are those of threads: another one may have come to its n-th call first, at something that is not ours. */
function isHit({ trace }: Ran): boolean {
  return trace
    .split('\n')
    .some((line) => line.includes('(INJECTED)') && isAt(line, join(tmpdir(), 'stepaside-publish-')));
}

function judgeRan(ran: Ran): readonly string[] {
  if (!isHit(ran)) return [];
  const wrong: string[] = ran.hung ? ['it hangs'] : [];
  if (/this is a bug|internal:|^ {4}at |UnhandledPromise|node:internal/m.test(ran.stderr))
    wrong.push(`it shows its inside: ${ran.stderr.slice(-1500)}`);
  if (ran.signal !== null && !ran.hung) wrong.push(`it ended by ${ran.signal}: ${ran.stderr.slice(-500)}`);
  return wrong;
}

import { randomFrom } from '../conformance/random.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { type Call, sweep } from './publish/sweep.js';
import type { Injection } from './publish/workshop.js';

/** The long form: kills. */
export const points = 8_000;

const CALLS = [
  ...['openat', 'close', 'read', 'pread64', 'getdents64', 'statx'],
  ...['write', 'writev', 'pwrite64', 'fsync', 'fdatasync', 'link', 'rename', 'unlink', 'mkdir', 'rmdir', 'ftruncate'],
  ...['socket', 'connect', 'sendto', 'recvfrom', 'shutdown', 'clone3', 'vfork', 'wait4'],
];

/** F1 of LIMITS: the real command is killed at each system call of what it publishes, in a folder and on S3. */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found = await sweep({
    points,
    random,
    server,
    calls: CALLS,
    plan,
    isHit: ({ signal, hung }) => signal === 'SIGKILL' && !hung,
    judgeRan: ({ hung }) => (hung ? ['it hangs'] : []),
  });
  return { ...found, examples: found.examples.slice(0, 12) };
}

/** From the first call that writes or connects; before it there is nothing to be wrong. One more than there are: none is hit. */
function plan(calls: readonly Call[]): readonly Injection[] {
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

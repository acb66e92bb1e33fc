import { randomFrom } from '../conformance/random.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { sweep } from './publish/sweep.js';
import { CALLS, killsIn } from './run-under.js';

/** The long form: kills. */
export const points = 8_000;

/** F1 of LIMITS: the real command is killed at each system call of what it publishes, in a folder and on S3. */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found = await sweep({
    points,
    random,
    server,
    calls: CALLS,
    plan: killsIn,
    isHit: ({ signal, hung }) => signal === 'SIGKILL' && !hung,
    judgeRan: ({ hung }) => (hung ? ['it hangs'] : []),
  });
  return { ...found, examples: found.examples.slice(0, 12) };
}

import { sweepArtifacts } from './artifacts/sweep.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { CALLS, killsIn } from './run-under.js';

/** The long form: kills. */
export const points = 2_000;

/** F1 of LIMITS for artifacts: the real command is killed at each system call of put, restore and gc, in a folder and on S3. */
export async function campaign(options: CampaignOptions): Promise<Tally> {
  return sweepArtifacts(options, {
    calls: CALLS,
    plan: killsIn,
    isHit: ({ signal }) => signal === 'SIGKILL',
    judgeRan: () => [],
  });
}

import { sweepArtifacts } from './artifacts/sweep.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { FAILING, failuresIn, faultsOf, hasFailedAt } from './failing.js';

/** The long form: calls that fail. */
export const points = 2_000;

/** F6 of LIMITS for artifacts: each call of put, restore and gc on files fails once, in each of seven ways. */
export async function campaign(options: CampaignOptions): Promise<Tally> {
  return sweepArtifacts(options, {
    calls: FAILING,
    plan: failuresIn,
    isHit: hasFailedAt,
    judgeRan: faultsOf,
    onlyFolders: true,
  });
}

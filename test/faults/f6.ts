import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFrom } from '../conformance/random.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { FAILING, failuresIn, faultsOf, hasFailedAt } from './failing.js';
import { sweep } from './publish/sweep.js';
import type { Ran } from './run-under.js';

/** The long form: calls that fail. */
export const points = 4_000;

/** F6 of LIMITS: each call on the real command's files fails once, in each of seven ways. */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found = await sweep({
    points,
    random,
    server,
    onlyFolders: true,
    calls: FAILING,
    plan: failuresIn,
    isHit,
    judgeRan: (ran) => (isHit(ran) ? faultsOf(ran) : []),
    strictness: { mayStay: true },
  });
  return { ...found, examples: found.examples.slice(0, 12) };
}

const isHit = (ran: Ran) => hasFailedAt(ran, join(tmpdir(), 'stepaside-publish-'));

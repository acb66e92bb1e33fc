import { randomBytes } from 'node:crypto';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { limited } from '../../src/store/limit.js';
import { retrying } from '../../src/store/retry.js';
import { settling } from '../../src/store/settle.js';
import type { Store } from '../../src/store/store.js';
import { intBelow, randomFrom } from '../conformance/random.js';
import { type FaultProxy, faults, fits, startFaultProxy } from '../rig/fault-proxy.js';
import type { S3Facts } from '../rig/s3-server.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';
import { type CampaignOptions, countUnhandled, type Tally } from './campaign.js';
import { F4Client, type Outcome } from './f4-client.js';

/** The long form. */
export const points = 4_000;

/** 30 % of all requests meet a fault. */
const share = 0.3;
const workers = 8;
const deadlines = { retryMs: 1_200, settleMs: 2_400, graceMs: 1_000 };
const timeouts = { connectMs: 250, firstByteMs: 250, idleMs: 250, totalMs: 500 };

interface Findings {
  answered: number;
  refused: number;
  wrong: number;
  lost: number;
  late: number;
  /**
   * Bytes or facts that differ because the proxy changed them consistently. No HTTP client can tell; the port promises
   * no content check. The engine verifies every body by its own digest (SEMANTICS.md rule 8), and is tested for that.
   */
  undetectableAtPort: number;
  readonly examples: string[];
}

/**
 * F4 of LIMITS: random calls through the production stack and a faulty proxy to a real server. An oracle that shares no
 * code with src/ looks at the server directly and says which answers contradict it. An error is never wrong.
 */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const found: Findings = { answered: 0, refused: 0, wrong: 0, lost: 0, late: 0, undetectableAtPort: 0, examples: [] };
  const injected: Record<string, number> = {};
  let requests = 0;
  const { unhandled } = await countUnhandled(async () => {
    // Half of the points through each wire.
    for (const wire of ['lean', 'sdk'] as const) {
      const proxy = await startFaultProxy(server.endpoint, { slowMs: 150 });
      try {
        await throughWire(wire, Math.ceil(points / 2), seed, server, proxy, found);
      } finally {
        await proxy.stop();
      }
      requests += proxy.requests;
      for (const [fault, count] of Object.entries(proxy.injected)) injected[fault] = (injected[fault] ?? 0) + count;
    }
  });
  return {
    points: found.answered + found.refused,
    injected: Object.values(injected).reduce((sum, count) => sum + count, 0),
    wrong: found.wrong + found.late + unhandled.length,
    lost: found.lost,
    answered: found.answered,
    refused: found.refused,
    late: found.late,
    unhandled: unhandled.length,
    undetectableAtPort: found.undetectableAtPort,
    requests,
    byFault: injected,
    examples: [...found.examples, ...unhandled].slice(0, 12),
  };
}

async function throughWire(
  wire: 'lean' | 'sdk',
  points: number,
  seed: number,
  server: S3Facts,
  proxy: FaultProxy,
  found: Findings,
): Promise<void> {
  const bucket = `f4-${wire}-${randomBytes(4).toString('hex')}`;
  await sdkMakeBucket(server, bucket);
  const witness = new Witness(server, bucket);
  const store = productionStack(wire, bucket, { ...server, endpoint: proxy.endpoint });
  // The first absence of a bucket is confirmed once: it belongs to no point, so it is had before the faults begin.
  await witness.put('warm-up', new Uint8Array(1));
  await store.head('warm-up');
  const random = randomFrom(seed);
  proxy.decideBy((asked) => {
    if (random() >= share) return undefined;
    const possible = faults.filter((fault) => fits(fault, asked));
    return possible[intBelow(random, possible.length)];
  });
  let left = points;
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const client = new F4Client({
        ...{ prefix: `w${worker}/`, random: randomFrom(seed + 1000 + worker), deadlines, store, proxy, witness },
      });
      while (left > 0) {
        left -= 1;
        note(found, await client.act());
      }
    }),
  );
  await store.close();
  witness.close();
}

function productionStack(wire: 'lean' | 'sdk', bucket: string, server: S3Facts): Store {
  const driver = s3Store({
    ...{ bucket, wire, timeouts, pathStyle: true },
    ...{ endpoint: server.endpoint, region: server.region, credentials: server.credentials },
  });
  const quick = { baseMs: 5, capMs: 40 };
  return settling(
    // The budget is for a thousand callers of a dead store; here it would end the campaign's retries instead.
    retrying(limited(driver, { concurrency: 64 }), {
      ...{ ...quick, deadlineMs: deadlines.retryMs, attemptMs: 600 },
      budget: { capacity: 1e9, perSecond: 1e9 },
    }),
    { ...quick, deadlineMs: deadlines.settleMs, attemptMs: 600 },
  );
}

function note(found: Findings, { call, ended, lateMs, verdict, excused }: Outcome): void {
  found[ended] += 1;
  if (lateMs > 0) {
    found.late += 1;
    found.examples.push(`${call}: ${Math.round(lateMs)} ms beyond its deadline`);
  }
  if (verdict === 'fine') return;
  if (excused) {
    found.undetectableAtPort += 1;
    return;
  }
  found[verdict.fault === 'lost' ? 'lost' : 'wrong'] += 1;
  found.examples.push(`${call}: ${verdict.why}`);
}

import { randomBytes } from 'node:crypto';
import { isStoreError, type StoreError } from '../core/error.js';
import { prefixed } from '../store/prefix.js';
import { type Finding as ProbeFinding, type ProbeReport, probeStore } from '../store/probe.js';
import type { Store } from '../store/store.js';

export interface Finding {
  /** `bad`: something Stepaside needs does not work. `warn`: it works, in a lesser way. */
  readonly level: 'fact' | 'good' | 'warn' | 'bad';
  readonly what: string;
  readonly text: string;
  readonly fix?: string;
}

interface Place {
  readonly store: Store;
  readonly key: string;
}

/** What a store is, what we may do below a prefix of it, and how to mend what we may not. Writes only to probe. */
export async function examine(
  { store, key }: Place,
  { probe }: { readonly probe: boolean },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [what, text] of (await store.abilities.describe?.()) ?? []) findings.push({ level: 'fact', what, text });
  const rights = [
    await right('HEAD', store, () => store.head(`${key}stepaside-doctor-${randomBytes(6).toString('hex')}`)),
    await right('LIST', store, () => first(store.list(key, { pageSize: 1 }))),
  ];
  findings.push(...rights);
  // A store that does not answer at all has told everything it will.
  if (rights.every(({ level }) => level === 'bad')) return findings;
  if (store.abilities.clock) findings.push(await clock(store.abilities.clock));
  findings.push(...(probe ? ofProbe(await probeStore(prefixed(store, key), { prefix: '' })) : unprobed(store)));
  return findings;
}

async function right(what: string, store: Store, act: () => Promise<unknown>): Promise<Finding> {
  try {
    await act();
    return { level: 'good', what, text: 'allowed' };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return { level: 'bad', what, text: error.message, ...fixOf(error, store) };
  }
}

function fixOf(error: StoreError, store: Store): { readonly fix?: string } {
  if (error.hint !== undefined) return { fix: error.hint };
  if (error.code === 'store/denied' && store.traits.kind === 's3')
    return { fix: 'grant s3:ListBucket on the bucket and s3:GetObject on its objects' };
  if (error.code === 'store/unavailable' && store.traits.kind === 's3')
    return { fix: 'check the endpoint, and that something answers there' };
  if (error.code === 'store/denied') return { fix: 'let the user who runs this read the folder' };
  return {};
}

async function first(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items) return;
}

/** S3 refuses requests that are 15 minutes off; long before that, ages and "newer than" begin to mislead. */
const SKEW_WARN_MS = 60_000;

async function clock(
  ask: () => Promise<{ readonly offsetMs: number; readonly uncertaintyMs: number }>,
): Promise<Finding> {
  try {
    const { offsetMs, uncertaintyMs } = await ask();
    const text = `${describeOffset(offsetMs)} (± ${Math.ceil(uncertaintyMs / 1000)} s)`;
    const skewed = Math.abs(offsetMs) - uncertaintyMs > SKEW_WARN_MS;
    return skewed
      ? { level: 'warn', what: 'clock', text, fix: 'set the clock of this machine (NTP)' }
      : { level: 'good', what: 'clock', text };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return { level: 'warn', what: 'clock', text: error.message };
  }
}

function describeOffset(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  return seconds === 0 ? 'agrees with ours' : `${seconds} s ${ms > 0 ? 'ahead of' : 'behind'} ours`;
}

function unprobed(store: Store): readonly Finding[] {
  const { exclusiveCreate } = store.traits;
  const PUT: Finding = { level: 'fact', what: 'PUT', text: 'not tried: nothing is written without --probe' };
  if (exclusiveCreate === 'no') {
    return [
      PUT,
      {
        level: 'warn',
        what: 'put-if-absent',
        text: 'this file system has no hard links: latching is best effort there',
        fix: 'keep the cache on S3 or on a file system with hard links',
      },
    ];
  }
  const text =
    exclusiveCreate === 'yes' ? 'by link(2)' : 'claimed by the protocol, not tried: some servers ignore it silently';
  return [
    PUT,
    {
      level: 'fact',
      what: 'put-if-absent',
      text,
      ...(exclusiveCreate === 'claimed' ? { fix: 'run doctor --probe on your cache prefix once' } : {}),
    },
  ];
}

function ofProbe(report: ProbeReport): readonly Finding[] {
  const { rights, findings, exclusiveCreate, clock: found } = report;
  const told: Finding[] = [];
  for (const [what, verdict] of [
    ['PUT', rights.write],
    ['GET', rights.read],
    ['DELETE', rights.remove],
  ] as const) {
    told.push(
      verdict === 'yes'
        ? { level: 'good', what, text: 'allowed' }
        : { level: 'bad', what, text: verdict, fix: `grant ${GRANT[what]} below the cache prefix` },
    );
  }
  told.push(...findings.filter(({ outcome }) => outcome !== 'passed').map(ofFinding));
  told.push(
    exclusiveCreate === 'yes'
      ? {
          level: 'good',
          what: 'put-if-absent',
          text: 'exactly one of many writers won, in every round (a probe can only disprove)',
        }
      : {
          level: 'bad',
          what: 'put-if-absent',
          text: 'does not exclude: two runs of one step could both go on',
          fix: 'keep the cache on a store that excludes; outputs may stay here',
        },
  );
  if (found) told.push({ level: 'fact', what: 'clock of writes', text: describeOffset(found.offsetMs) });
  return told;
}

const GRANT = { PUT: 's3:PutObject', GET: 's3:GetObject', DELETE: 's3:DeleteObject' } as const;

function ofFinding({ check, outcome, because }: ProbeFinding): Finding {
  return { level: outcome === 'failed' ? 'bad' : 'warn', what: check, text: because };
}

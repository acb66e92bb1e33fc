import type { WorkKey } from '../../src/core/brand.js';
import type { Situation } from '../../src/core/decide.js';
import type { Part } from '../../src/core/parts.js';
import { POLICIES } from '../../src/core/policies.js';
import type { OutputSeen } from '../../src/core/prove.js';
import type { WorkRecord } from '../../src/core/record.js';
import type { Sighting } from '../../src/core/sighting.js';

/** What a step meets, in the forms that the tests of decide change one by one. */
export const KEY = 'blake3-this' as WorkKey;
export const OTHER = 'blake3-other' as WorkKey;
export const NOW = 1_700_000_000_000;
export const DAY = 86_400_000;
export const doubt = { code: 'store/denied', message: 'access denied' };
export const part = (path: string, etag = `tag-of-${path}`): Part => ({ path, size: 10, etag, modifiedAt: NOW - DAY });
export const PARTS = [part('part-0'), part('part-1')];

export const sight = (state: Sighting['state'], more: Partial<Sighting> = {}): Sighting => ({
  uri: 's3://lake/t/',
  state,
  why: `it is ${state}`,
  ...more,
});
export const output = (more: Partial<OutputSeen> = {}): OutputSeen => ({
  name: 'table',
  uri: 's3://lake/t/',
  sighting: sight('present'),
  parts: PARTS,
  log: { state: 'committed', key: KEY, attempt: 1 },
  ...more,
});
export const record = (more: Partial<WorkRecord> = {}): WorkRecord => ({
  key: KEY,
  attempt: 1,
  producedAt: NOW - 2 * DAY,
  tombstoned: false,
  outputs: [{ name: 'table', uri: 's3://lake/t/', parts: PARTS, markerSeen: true }],
  ...more,
});
export const kept = record({
  outputs: [{ name: 'table', uri: 's3://lake/t/', parts: PARTS, markerSeen: true, artifact: 'blake3-x' as never }],
});

/** Done, proven at the level of parts: every row changes something. */
export const done: Situation = {
  key: { state: 'known', key: KEY },
  outputs: [output()],
  records: [record()],
  lease: 'free',
  control: { force: false, readOff: false, writeOff: false },
  needed: true,
  policy: POLICIES['parts']!,
  freshness: {},
  now: NOW,
};
export const situation = (more: Partial<Situation>): Situation => ({ ...done, ...more });
export const seen = (more: Partial<OutputSeen>, rest: Partial<Situation> = {}): Situation =>
  situation({ outputs: [output(more)], ...rest });
export const policy = (name: string, more: Partial<Situation> = {}): Situation =>
  situation({ policy: POLICIES[name]!, ...more });
export const fresh = { log: { state: 'none' } } as const;
export const when = (truth: 'true' | 'false' | 'unknown') => ({ truth, because: ['s3://lake/raw/_SUCCESS'] });

const { parts: _, ...rest } = output();
export const notListed = rest;

/** Two outputs of one key, each proven by a record of its own run. */
export function mixed(keep: boolean): Situation {
  const both = (attempt: number): WorkRecord =>
    record({
      attempt,
      outputs: ['table', 'log'].map((name) => ({
        name,
        uri: 's3://lake/t/',
        parts: PARTS,
        markerSeen: true,
        ...(keep && { artifact: 'blake3-x' as never }),
      })),
    });
  return situation({
    outputs: [
      output({ log: { state: 'committed', key: KEY, attempt: 3 } }),
      output({ name: 'log', log: { state: 'committed', key: KEY, attempt: 5 } }),
    ],
    records: [both(3), both(5)],
  });
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../../src/core/decide.js';
import type { Part } from '../../src/core/parts.js';
import { POLICIES } from '../../src/core/policies.js';
import type { OutputSeen } from '../../src/core/prove.js';
import { REASONS, type Reason } from '../../src/core/reason.js';
import { STATES } from '../../src/core/sighting.js';
import { DAY, doubt, KEY, kept, NOW, OTHER, PARTS, record, sight } from './situations.js';

const anySituation: fc.Arbitrary<Situation> = fc.record({
  condition: fc.option(
    fc.constantFrom('true', 'false', 'unknown').map((truth) => ({ truth: truth as 'true', because: [] })),
    { nil: undefined },
  ),
  key: fc.constantFrom<Situation['key']>(
    { state: 'known', key: KEY },
    { state: 'pending', on: ['x'] },
    { state: 'input-missing', what: 'x' },
    { state: 'unknown', doubt },
    { state: 'not-cached', why: 'x' },
  ),
  outputs: fc.array(
    fc.record({
      name: fc.constantFrom('table', 'log'),
      uri: fc.constantFrom('s3://lake/t/', 's3://lake/u/'),
      sighting: fc
        .record({
          state: fc.constantFrom(...STATES),
          carriesKey: fc.boolean(),
          markerGone: fc.boolean(),
          kind: fc.constantFrom('empty', 'hadoop', 'text', 'stepaside'),
        })
        .map(({ state, carriesKey, markerGone, kind }) =>
          sight(state, { carriesKey, markerGone, marker: { uri: 'm', kind: kind as 'empty', modifiedAt: NOW } }),
        ),
      parts: fc.constantFrom<readonly Part[]>(PARTS, [], [PARTS[0]!], [{ ...PARTS[0]!, digest: 'blake3-d' as never }]),
      log: fc.constantFrom<OutputSeen['log']>(
        { state: 'none' },
        { state: 'open' },
        { state: 'committed', key: KEY, attempt: 1 },
        { state: 'committed', key: OTHER, attempt: 1 },
      ),
    }),
    { maxLength: 2 },
  ),
  records: fc.oneof(
    fc.constant({ doubt }),
    fc.subarray([
      record(),
      kept,
      record({ attempt: 2, tombstoned: true }),
      record({ attempt: 3, producedAt: NOW - 90 * DAY }),
    ]),
  ),
  lease: fc.constantFrom('free', 'held', 'given-up', 'failed-elsewhere'),
  control: fc.record({ force: fc.boolean(), readOff: fc.boolean(), writeOff: fc.boolean() }),
  needed: fc.boolean(),
  policy: fc.constantFrom(...Object.values(POLICIES)),
  whenUnknown: fc.constantFrom('run', 'refuse'),
  freshness: fc.constantFrom({}, { maxAgeMs: 0 }, { maxAgeMs: DAY }, { maxStalenessMs: 30 * DAY }),
  now: fc.constant(NOW),
}) as fc.Arbitrary<Situation>;

const PROVEN_BY_NOTHING_HERE: readonly Reason[] = ['condition-false', 'not-needed'];

describe('decide, whatever comes', () => {
  const runs = { numRuns: 20_000 };

  it('never skips over an unknown, a partial or an absent output', () => {
    fc.assert(
      fc.property(anySituation, (given) => {
        const verdict = decide(given);
        if (verdict.action !== 'skip' || PROVEN_BY_NOTHING_HERE.includes(verdict.reason)) return;
        for (const { sighting } of given.outputs) {
          expect(sighting.state).not.toBe('unknown');
          expect(sighting.state).not.toBe('archived');
          if (sighting.state === 'absent') expect(sighting.markerGone).toBe(true);
        }
        expect(given.outputs.length).toBeGreaterThan(0);
      }),
      runs,
    );
  });

  it('never takes weaker evidence where the policy asks for stronger', () => {
    const order: readonly Reason[] = ['exists', 'key-matches', 'parts-match', 'digest-matches'];
    fc.assert(
      fc.property(anySituation, (given) => {
        const { action, reason } = decide(given);
        if (action !== 'skip' || !order.includes(reason)) return;
        const wanted = given.policy.withRecord;
        if (wanted === 'never') expect.fail('rerun skipped');
        const asked = { exists: 0, key: 1, parts: 2, digest: 3 }[wanted];
        expect(order.indexOf(reason)).toBeGreaterThanOrEqual(asked);
      }),
      runs,
    );
  });

  it('never turns a run into a skip by adding doubt', () => {
    fc.assert(
      fc.property(anySituation, fc.nat(), (given, which) => {
        const before = decide(given).action;
        if (before === 'skip') return;
        for (const doubted of withDoubt(given, which)) expect(decide(doubted).action).not.toBe('skip');
      }),
      runs,
    );
  });

  it('gives the same verdict twice, and only verdicts of the closed set', () => {
    fc.assert(
      fc.property(anySituation, (given) => {
        const verdict = decide(given);
        expect(decide(given)).toEqual(verdict);
        expect(Object.keys(REASONS)).toContain(verdict.reason);
      }),
      runs,
    );
  });
});

/** The same situation with one thing less known. */
function withDoubt(given: Situation, which: number): readonly Situation[] {
  const { outputs, condition } = given;
  return [
    { ...given, records: { doubt } },
    { ...given, key: { state: 'unknown', doubt } },
    ...(condition ? [{ ...given, condition: { truth: 'unknown' as const, because: [] } }] : []),
    ...(outputs.length > 0
      ? [
          {
            ...given,
            outputs: outputs.with(which % outputs.length, {
              ...outputs[which % outputs.length]!,
              sighting: sight('unknown', { doubt }),
            }),
          },
        ]
      : []),
  ];
}

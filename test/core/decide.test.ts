import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorkKey } from '../../src/core/brand.js';
import { decide, type Situation } from '../../src/core/decide.js';
import type { Part } from '../../src/core/parts.js';
import { POLICIES } from '../../src/core/policies.js';
import type { OutputSeen } from '../../src/core/prove.js';
import { type Action, REASONS, type Reason } from '../../src/core/reason.js';
import type { WorkRecord } from '../../src/core/record.js';
import { type Sighting, STATES } from '../../src/core/sighting.js';

const KEY = 'blake3-this' as WorkKey;
const OTHER = 'blake3-other' as WorkKey;
const NOW = 1_700_000_000_000;
const DAY = 86_400_000;
const doubt = { code: 'store/denied', message: 'access denied' };
const part = (path: string, etag = `tag-of-${path}`): Part => ({ path, size: 10, etag, modifiedAt: NOW - DAY });
const PARTS = [part('part-0'), part('part-1')];

const sight = (state: Sighting['state'], more: Partial<Sighting> = {}): Sighting => ({
  uri: 's3://lake/t/',
  state,
  why: `it is ${state}`,
  ...more,
});
const output = (more: Partial<OutputSeen> = {}): OutputSeen => ({
  name: 'table',
  uri: 's3://lake/t/',
  sighting: sight('present'),
  parts: PARTS,
  log: { state: 'committed', key: KEY, attempt: 1 },
  ...more,
});
const record = (more: Partial<WorkRecord> = {}): WorkRecord => ({
  key: KEY,
  attempt: 1,
  producedAt: NOW - 2 * DAY,
  tombstoned: false,
  outputs: [{ name: 'table', uri: 's3://lake/t/', parts: PARTS, markerSeen: true }],
  ...more,
});
const kept = record({
  outputs: [{ name: 'table', uri: 's3://lake/t/', parts: PARTS, markerSeen: true, artifact: 'blake3-x' as never }],
});

/** Done, proven at the level of parts: every row changes something. */
const done: Situation = {
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
const situation = (more: Partial<Situation>): Situation => ({ ...done, ...more });
const seen = (more: Partial<OutputSeen>, rest: Partial<Situation> = {}): Situation =>
  situation({ outputs: [output(more)], ...rest });
const policy = (name: string, more: Partial<Situation> = {}): Situation =>
  situation({ policy: POLICIES[name]!, ...more });
const fresh = { log: { state: 'none' } } as const;
const when = (truth: 'true' | 'false' | 'unknown') => ({ truth, because: ['s3://lake/raw/_SUCCESS'] });

const { parts: _, ...notListed } = output();

/** Two outputs of one key, each proven by a record of its own run. */
function mixed(keep: boolean): Situation {
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

const rows: readonly [string, Situation, Action, Reason][] = [
  [
    'a false condition avoids the step, whatever its outputs',
    situation({ condition: when('false'), outputs: [] }),
    'skip',
    'condition-false',
  ],
  [
    'a false condition needs no key',
    situation({ condition: when('false'), key: { state: 'pending', on: ['x'] } }),
    'skip',
    'condition-false',
  ],
  [
    'an output that is there is enough for exists',
    policy('exists', { records: [], outputs: [output(fresh)] }),
    'skip',
    'exists',
  ],
  [
    'exists does not mind who made it',
    policy('exists', { outputs: [output({ log: { state: 'committed', key: OTHER, attempt: 4 } })] }),
    'skip',
    'exists',
  ],
  [
    'spark believes a complete _SUCCESS where nobody recorded anything',
    policy('spark', {
      records: [],
      outputs: [
        output({ ...fresh, sighting: sight('present', { marker: { uri: 'm', kind: 'empty', modifiedAt: NOW } }) }),
      ],
    }),
    'skip',
    'foreign-marker',
  ],
  [
    'key believes a marker that carries the key',
    policy('key', { outputs: [output({ ...fresh, sighting: sight('present', { carriesKey: true }) })] }),
    'skip',
    'key-matches',
  ],
  ['parts as recorded', done, 'skip', 'parts-match'],
  [
    'bytes as recorded',
    policy('digest', {
      outputs: [output({ parts: [{ ...part('p'), digest: 'blake3-d' as never }] })],
      records: [
        record({
          outputs: [
            {
              name: 'table',
              uri: 's3://lake/t/',
              parts: [{ ...part('p'), digest: 'blake3-d' as never }],
              markerSeen: true,
            },
          ],
        }),
      ],
    }),
    'skip',
    'digest-matches',
  ],
  [
    'gone, and nobody needs it',
    seen({ sighting: sight('absent'), parts: [] }, { needed: false }),
    'skip',
    'not-needed',
  ],
  [
    'gone, and a run died here: not left as it is',
    seen({ sighting: sight('absent'), parts: [], log: { state: 'open' } }, { needed: false }),
    'run',
    'partial',
  ],
  [
    'kept, but a run died here',
    seen({ sighting: sight('absent'), parts: [], log: { state: 'open' } }, { records: [kept] }),
    'run',
    'partial',
  ],
  [
    'kept, but somebody is writing',
    seen({ sighting: sight('partial', { inProgress: '_temporary/' }) }, { records: [kept] }),
    'run',
    'partial',
  ],
  [
    'a failed marker over parts that are there',
    seen({ sighting: sight('absent', { marker: { uri: 'm', kind: 'hadoop', modifiedAt: NOW } }) }, { needed: false }),
    'run',
    'marker-other',
  ],
  ['outputs of two runs', mixed(false), 'run', 'mixed-runs'],
  [
    'nobody can tell its condition nor its own place',
    seen({ sighting: sight('unknown', { doubt }) }, { condition: when('unknown') }),
    'refuse',
    'place-unknown',
  ],
  ['parts that were not listed', situation({ outputs: [notListed] }), 'run', 'unverified'],
  [
    'a probe that says yes, with a record of this place',
    situation({
      outputs: [{ ...notListed, probe: true }],
      records: [record({ outputs: [{ name: 'table', uri: 's3://lake/t/', parts: [], markerSeen: false }] })],
    }),
    'skip',
    'parts-match',
  ],
  [
    'gone, kept, needed',
    seen({ sighting: sight('absent'), parts: [] }, { records: [kept] }),
    'restore',
    'kept-artifact',
  ],
  [
    'overwritten by other work, but kept',
    seen({ log: { state: 'committed', key: OTHER, attempt: 4 } }, { records: [kept] }),
    'restore',
    'kept-artifact',
  ],
  ['reads what is still to be made', situation({ key: { state: 'pending', on: ['extract'] } }), 'wait', 'pending'],
  ['somebody else is at it', seen({ sighting: sight('absent'), parts: [] }, { lease: 'held' }), 'wait', 'held'],
  ['what is proven needs no waiting', situation({ lease: 'held' }), 'skip', 'parts-match'],
  [
    'waited for others, who failed as often as it allows',
    seen({ sighting: sight('absent'), parts: [] }, { lease: 'failed-elsewhere' }),
    'refuse',
    'failed-elsewhere',
  ],
  ['waited long enough', seen({ sighting: sight('absent'), parts: [] }, { lease: 'given-up' }), 'refuse', 'busy'],
  ['by force', situation({ control: { force: true, readOff: false, writeOff: false } }), 'run', 'forced'],
  [
    'by force, although its condition is false',
    situation({ control: { force: true, readOff: false, writeOff: false }, condition: when('false') }),
    'run',
    'forced',
  ],
  ['a true condition and no outputs', situation({ condition: when('true'), outputs: [] }), 'run', 'condition-true'],
  ['a true condition and proven outputs', situation({ condition: when('true') }), 'skip', 'parts-match'],
  ['neither condition nor outputs', situation({ outputs: [] }), 'run', 'nothing-to-prove'],
  ['policy rerun', policy('rerun'), 'run', 'rerun-policy'],
  ['neither condition nor outputs, and done in this run', situation({ outputs: [], memo: true }), 'skip', 'run-memo'],
  ['policy rerun, done in this run and as recorded', policy('rerun', { memo: true }), 'skip', 'run-memo'],
  [
    'policy rerun, done in this run and changed since',
    policy('rerun', { memo: true, outputs: [output({ parts: [part('part-0')] })] }),
    'run',
    'rerun-policy',
  ],
  [
    'done in this run, and its output is gone',
    seen({ sighting: sight('absent'), parts: [] }, { memo: true }),
    'run',
    'output-missing',
  ],
  [
    'done in this run, by force',
    situation({ outputs: [], memo: true, control: { force: true, readOff: false, writeOff: false } }),
    'run',
    'forced',
  ],
  ['--no-cache', situation({ control: { force: false, readOff: true, writeOff: true } }), 'run', 'cache-off'],
  [
    'a secret without a key to hide it',
    situation({ key: { state: 'not-cached', why: 'STEPASIDE_SECRET is unset' } }),
    'run',
    'not-cached',
  ],
  ['an output is gone', seen({ sighting: sight('absent'), parts: [] }), 'run', 'output-missing'],
  ['a run began here and did not commit', seen({ log: { state: 'open' } }), 'run', 'partial'],
  [
    'exists does not outweigh an uncommitted run',
    policy('exists', { outputs: [output({ log: { state: 'open' } })] }),
    'run',
    'partial',
  ],
  [
    'the commit here names a record that its log does not have',
    seen({ log: { state: 'committed', key: KEY, attempt: 9 } }),
    'run',
    'partial',
  ],
  ['somebody is writing', seen({ sighting: sight('partial', { inProgress: '_temporary/' }) }), 'run', 'partial'],
  [
    'the marker is older than its parts, and no list says more',
    policy('spark', { records: [], outputs: [output({ ...fresh, sighting: sight('outdated') })] }),
    'run',
    'outdated',
  ],
  ['where a parts list matches, time is not asked', seen({ sighting: sight('outdated') }), 'skip', 'parts-match'],
  ['archived', seen({ sighting: sight('archived') }), 'run', 'archived'],
  [
    'there, but nothing says complete',
    policy('exists', { records: [], outputs: [output({ ...fresh, sighting: sight('unverified') })] }),
    'run',
    'unverified',
  ],
  [
    'same size, no tag to compare',
    seen({ parts: [{ path: 'part-0', size: 10, modifiedAt: 1 }, PARTS[1]!] }),
    'run',
    'unverified',
  ],
  [
    'the marker that the record saw is gone',
    seen({ sighting: sight('partial', { markerGone: true }) }),
    'run',
    'marker-gone',
  ],
  [
    'a marker that never was is not missed',
    seen(
      { sighting: sight('partial', { markerGone: true }) },
      { records: [record({ outputs: [{ name: 'table', uri: 's3://lake/t/', parts: PARTS, markerSeen: false }] })] },
    ),
    'skip',
    'parts-match',
  ],
  [
    'the marker carries another key',
    policy('key', {
      outputs: [output({ sighting: sight('absent', { marker: { uri: 'm', kind: 'text', modifiedAt: NOW } }) })],
    }),
    'run',
    'marker-other',
  ],
  ['a part has another tag', seen({ parts: [PARTS[0]!, part('part-1', 'another')] }), 'run', 'parts-changed'],
  ['a part is gone', seen({ parts: [PARTS[0]!] }), 'run', 'parts-changed'],
  ['a part too many', seen({ parts: [...PARTS, part('part-2')] }), 'run', 'parts-changed'],
  ['nobody recorded anything', seen(fresh, { records: [] }), 'run', 'no-record'],
  ['recorded, at another place', seen(fresh), 'run', 'no-record'],
  ['other work was here last', seen({ log: { state: 'committed', key: OTHER, attempt: 4 } }), 'run', 'other-key'],
  [
    'spark does not believe a marker over other work',
    policy('spark', { outputs: [output({ log: { state: 'committed', key: OTHER, attempt: 4 } })] }),
    'run',
    'other-key',
  ],
  [
    'kept, and something else lies where nothing could be had back',
    seen({ parts: [PARTS[0]!, part('note')], extrasStay: true }, { records: [kept] }),
    'refuse',
    'parts-changed',
  ],
  [
    'kept, and a folder of S3 lies there',
    seen({ parts: [PARTS[0]!, { ...part('x/'), size: 0 }], extrasStay: true }, { records: [kept] }),
    'restore',
    'kept-artifact',
  ],
  ['invalidated', situation({ records: [record({ tombstoned: true })] }), 'run', 'invalidated'],
  [
    'invalidated, under exists too',
    policy('exists', { records: [record({ tombstoned: true })] }),
    'run',
    'invalidated',
  ],
  ['too old', situation({ freshness: { maxAgeMs: DAY } }), 'run', 'too-old'],
  [
    "too old for the administrator's maximum",
    situation({ freshness: { maxAgeMs: 30 * DAY, limits: { maxAgeMs: DAY } } }),
    'run',
    'too-old',
  ],
  ['maxAge 0 never uses a record', situation({ freshness: { maxAgeMs: 0 } }), 'run', 'too-old'],
  [
    'an output more than the record has',
    situation({ outputs: [output(), output({ name: 'new' })] }),
    'run',
    'new-output',
  ],
  ['nobody can tell its condition', situation({ condition: when('unknown') }), 'run', 'condition-unknown'],
  [
    'nobody can tell its condition, and the author refuses',
    situation({ condition: when('unknown'), whenUnknown: 'refuse' }),
    'refuse',
    'condition-unknown',
  ],
  ['nobody can tell its inputs', situation({ key: { state: 'unknown', doubt } }), 'run', 'input-unknown'],
  ['the cache cannot be read', situation({ records: { doubt } }), 'refuse', 'cache-unknown'],
  [
    'the cache cannot be read, and --read-only asks for no lease',
    situation({ records: { doubt }, control: { force: false, readOff: false, writeOff: true } }),
    'run',
    'cache-unknown',
  ],
  [
    'the cache cannot be read, by force',
    situation({ records: { doubt }, control: { force: true, readOff: false, writeOff: false } }),
    'refuse',
    'cache-unknown',
  ],
  ['its own place cannot be read', seen({ sighting: sight('unknown', { doubt }) }), 'refuse', 'place-unknown'],
  [
    'an input matches nothing',
    situation({ key: { state: 'input-missing', what: 'clean.py' } }),
    'refuse',
    'input-missing',
  ],
];

describe('decide', () => {
  it.each(rows)('%s', (_, given, action, reason) => {
    expect(decide(given)).toMatchObject({ action, reason });
  });

  it('has a row for every reason', () => {
    const reached = new Set(rows.map(([, , , reason]) => reason));
    expect((Object.keys(REASONS) as Reason[]).filter((reason) => !reached.has(reason))).toEqual([]);
  });

  it('says which outputs are restored and from which attempt', () => {
    expect(decide(seen({ sighting: sight('absent'), parts: [] }, { records: [kept] })).restore).toEqual({
      attempt: 1,
      outputs: ['table'],
    });
  });

  it('restores what is short from the run that made the rest, never from another', () => {
    const gone = output({
      name: 'log',
      sighting: sight('absent'),
      parts: [],
      log: { state: 'committed', key: KEY, attempt: 3 },
    });
    const { records, outputs } = mixed(true);
    expect(decide(situation({ outputs: [outputs[0]!, gone], records })).restore).toEqual({
      attempt: 3,
      outputs: ['log'],
    });
    const [old, young] = records as readonly WorkRecord[];
    const notKept = { ...old!, outputs: old!.outputs.map(({ artifact: _, ...o }) => o) };
    expect(decide(situation({ outputs: [outputs[0]!, gone], records: [notKept, young!] })).restore).toEqual({
      attempt: 5,
      outputs: ['table', 'log'],
    });
    const youngLog = {
      ...young!,
      outputs: young!.outputs.map(({ artifact, ...o }) =>
        o.name === 'log' ? { ...o, ...(artifact && { artifact }) } : o,
      ),
    };
    expect(decide(situation({ outputs: [outputs[0]!, gone], records: [notKept, youngLog] }))).toMatchObject({
      action: 'run',
      reason: 'output-missing',
    });
  });

  it('tells the weakest proof of several outputs', () => {
    const second = { name: 'log', uri: 's3://lake/l', parts: [part('')], markerSeen: false };
    const both = situation({
      outputs: [
        output(),
        output({
          name: 'log',
          uri: 's3://lake/l',
          parts: [part('')],
          log: { state: 'committed', key: KEY, attempt: 1 },
        }),
      ],
      records: [record({ outputs: [...record().outputs, second] })],
    });
    expect(decide(both)).toMatchObject({ action: 'skip', reason: 'parts-match' });
  });

  it('takes the newest record of its own track, else the newest of any', () => {
    const gone = { sighting: sight('absent'), parts: [], log: { state: 'none' } } as const;
    const slow = { ...kept, attempt: 1, trackMs: 30 * DAY, producedAt: NOW - 9 * DAY };
    const fast = { ...kept, attempt: 2, trackMs: DAY, producedAt: NOW - 1000 };
    const from = (maxStalenessMs: number, records: WorkRecord[]) =>
      decide(seen(gone, { records, freshness: { maxStalenessMs } })).restore?.attempt;
    expect(from(30 * DAY, [slow, fast])).toBe(1);
    expect(from(30 * DAY, [fast])).toBe(2);
    expect(from(DAY, [slow, fast])).toBe(2);
    expect(from(DAY, [slow])).toBeUndefined();
  });
});

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

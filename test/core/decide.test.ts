import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../../src/core/decide.js';
import { type Action, REASONS, type Reason } from '../../src/core/reason.js';
import type { WorkRecord } from '../../src/core/record.js';
import {
  DAY,
  done,
  doubt,
  fresh,
  KEY,
  kept,
  mixed,
  NOW,
  notListed,
  OTHER,
  output,
  PARTS,
  part,
  policy,
  record,
  seen,
  sight,
  situation,
  when,
} from './situations.js';

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

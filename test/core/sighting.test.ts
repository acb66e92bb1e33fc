import { describe, expect, it } from 'vitest';
import { recogniseMarker } from '../../src/core/marker.js';
import type { Part } from '../../src/core/parts.js';
import { judgeSight, type PlaceSeen, type Question, STATES, type State } from '../../src/core/sighting.js';

const T = 1_700_000_000_500;
const part = (path: string, more: Partial<Part> = {}): Part => ({ path, size: 5, etag: 'e', modifiedAt: T, ...more });
const tree = (...paths: (string | Part)[]): PlaceSeen => ({
  uri: 's3://lake/t/',
  kind: 'tree',
  atomicObjects: true,
  parts: paths.map((p) => (typeof p === 'string' ? part(p) : p)),
  markerPath: '_SUCCESS',
  markerUri: 's3://lake/t/_SUCCESS',
});
const object = (more: Partial<PlaceSeen> = {}): PlaceSeen => ({
  uri: 's3://lake/o',
  kind: 'object',
  atomicObjects: true,
  parts: [part('')],
  ...more,
});
const marked = (place: PlaceSeen, text: string, modifiedAt = T + 5000): PlaceSeen => ({
  ...place,
  marker: { seen: 'there', modifiedAt, contents: recogniseMarker(text) },
});
const gone = (place: PlaceSeen): PlaceSeen => ({ ...place, marker: { seen: 'gone' } });
const S3A = (more: object) =>
  JSON.stringify({ name: 'org.apache.hadoop.fs.s3a.commit.files.SuccessData/1', jobId: 'j-1', timestamp: T, ...more });

const presence: Question = { ask: 'presence' };
const complete: Question = { ask: 'completeness' };
const flag: Question = { ask: 'presence', marker: { match: 'presence' } };
const flagged: Question = { ask: 'completeness', marker: { match: 'presence' } };
const says = (content: string): Question => ({ ask: 'presence', marker: { match: 'content', content } });
const ours = (key: string): Question => ({ ask: 'completeness', marker: { match: 'stepaside', key } });
const claim = (state: string, key = 'K') => JSON.stringify({ v: 1, key, attempt: 3, state });

const rows: readonly [string, PlaceSeen, Question, State, RegExp?][] = [
  ['an object that is there', object(), presence, 'present'],
  ['an object that is not', object({ parts: [] }), presence, 'absent'],
  ['a doubt', { ...object(), doubt: { code: 'store/denied', message: 'denied' } }, presence, 'unknown', /denied/],
  ['an archived object', object({ parts: [part('', { archived: true })] }), presence, 'archived'],
  ['one S3 object is whole', object(), complete, 'present', /whole or not at all/],
  ['a file may still grow', object({ atomicObjects: false }), complete, 'unverified', /atomic: true/],
  ['a file whose author gives his word', object({ atomicObjects: false }), { ...complete, atomic: true }, 'present'],
  [
    'a file that must have so many bytes, and has',
    object({ atomicObjects: false }),
    { ...complete, min: 1, minBytes: 5 },
    'present',
  ],
  [
    'a file that must have more',
    object({ atomicObjects: false }),
    { ...complete, min: 1, minBytes: 6 },
    'partial',
    /5 of at least 6 bytes/,
  ],
  [
    'an object with a newer open upload',
    object({ signs: [{ name: 'an open upload of o', modifiedAt: T + 5000 }] }),
    complete,
    'partial',
    /open upload/,
  ],
  [
    'an object with an older open upload',
    object({ signs: [{ name: 'an open upload of o', modifiedAt: T - 5000 }] }),
    complete,
    'present',
  ],
  ['a tree with something in it', tree('part-0'), presence, 'present'],
  ['a tree with nothing in it', tree(), presence, 'absent'],
  [
    'a tree with nothing that counts',
    tree('_logs/x', '.hidden', part('dt=1/', { size: 0 }), part('x_$folder$', { size: 0 })),
    presence,
    'absent',
  ],
  ['data below _temporary is not there yet', tree('_temporary/0/part-0'), presence, 'absent'],
  ['a tree of unknown completeness', tree('part-0'), complete, 'unverified', /declare a marker/],
  ['min without minBytes proves nothing', tree('part-0', 'part-1'), { ...complete, min: 2 }, 'unverified'],
  ['min with minBytes', tree('part-0', 'part-1'), { ...complete, min: 2, minBytes: 10 }, 'present'],
  ['min not reached', tree('part-0', '_x'), { ...complete, min: 2, minBytes: 1 }, 'partial', /1 of at least 2 parts/],
  [
    'a markerless tree in progress',
    tree('part-0', '_temporary/0/x'),
    { ...complete, atomic: true },
    'partial',
    /_temporary/,
  ],
  [
    "Spark's staging folder in progress",
    tree('part-0', '.spark-staging-1/dt=1/x'),
    { ...complete, atomic: true },
    'partial',
    /\.spark-staging-1/,
  ],
  [
    "S3A's magic folder in progress",
    tree('part-0', '__magic/job/x'),
    { ...complete, atomic: true },
    'partial',
    /__magic/,
  ],
  ['a glob with enough', { ...tree('a.csv', 'b.csv'), more: true }, { ...presence, min: 2 }, 'present'],
  ['a glob with too few', tree('a.csv'), { ...presence, min: 2 }, 'partial'],
  ['a marker that is there', marked(tree('part-0'), ''), flag, 'present'],
  ['a marker that is gone, and nothing else there', gone(tree()), flag, 'absent'],
  ['a marker that is gone, and parts there', gone(tree('part-0')), flagged, 'partial', /no marker/],
  ['a marker that is gone, and a writer at work', gone(tree('_temporary/0/x')), flagged, 'partial', /_temporary/],
  [
    'a marker nobody may read',
    { ...tree(), marker: { seen: 'doubt', doubt: { code: 'store/denied', message: 'denied' } } },
    flag,
    'unknown',
  ],
  [
    'a marker older than the staging folder',
    marked(tree(part('_temporary/0/x', { modifiedAt: T + 9000 })), ''),
    flag,
    'partial',
  ],
  [
    'a marker newer than the staging folder that was left',
    marked(tree('part-0', '_temporary/0/x'), ''),
    flag,
    'present',
  ],
  [
    'a marker older than its newest part',
    marked(tree('part-0'), '', T - 5000),
    { ...flagged, outdatedMarker: 'run' },
    'outdated',
    /part-0/,
  ],
  [
    "a marker older than its own checksum, as Hadoop's local file system leaves it",
    marked(tree('part-0', part('._SUCCESS.crc', { modifiedAt: T + 9000 })), ''),
    { ...flagged, outdatedMarker: 'run' },
    'present',
  ],
  [
    'a marker older than the checksum of a part',
    marked(tree('part-0', part('.part-0.crc', { modifiedAt: T + 9000 })), ''),
    { ...flagged, outdatedMarker: 'run' },
    'outdated',
    /part-0.crc/,
  ],
  [
    'the same, and the policy ignores it',
    marked(tree('part-0'), '', T - 5000),
    { ...flagged, outdatedMarker: 'ignore' },
    'present',
  ],
  ['the same, asked for presence only', marked(tree('part-0'), '', T - 5000), flag, 'present'],
  [
    'whole seconds on one side do not make a marker older',
    marked(tree('part-0'), '', Math.floor(T / 1000) * 1000),
    { ...flagged, outdatedMarker: 'run' },
    'present',
  ],
  [
    'our own JSON beside it is no newer part',
    marked(tree('part-0', part('_stepaside.json', { modifiedAt: T + 99_000 })), ''),
    { ...flagged, outdatedMarker: 'run' },
    'present',
  ],
  ['an S3A marker', marked(tree('part-0'), S3A({})), flagged, 'present'],
  [
    'an S3A marker of a job that failed',
    marked(tree('part-0'), S3A({ success: false })),
    flagged,
    'absent',
    /success: false/,
  ],
  ['an empty output with a marker is an answer too', marked(tree(), ''), flagged, 'present'],
  ['an S3A marker with a success that is no boolean', marked(tree('p'), S3A({ success: 'no' })), flagged, 'unknown'],
  ['a failed report under any name', marked(tree('p'), '{"success": false}'), flagged, 'absent'],
  [
    'a failed report behind a byte order mark',
    marked(tree('p'), `\uFEFF${S3A({ success: false })}`),
    flagged,
    'absent',
  ],
  ['a marker that was cut short', marked(tree('p'), S3A({}).slice(0, -9)), flagged, 'unknown', /cut short/],
  ['our JSON cut short', marked(tree('p'), claim('complete').slice(0, -9)), ours('K'), 'unknown'],
  ['a claim found by its own name', object({ contents: recogniseMarker(claim('running')) }), presence, 'partial'],
  [
    'a failed report found by its own name',
    object({ contents: recogniseMarker(S3A({ success: false })) }),
    presence,
    'absent',
  ],
  [
    'our JSON where the key is asked for',
    marked(tree('p'), claim('complete')),
    { ask: 'presence', marker: { match: 'key', key: 'K' } },
    'present',
  ],
  ['the exact JSON is asked for', marked(tree('p'), claim('complete')), says(claim('complete')), 'present'],
  [
    'a staging folder as old as the marker',
    marked(tree(part('_temporary/0/x', { modifiedAt: T })), '', T),
    flag,
    'partial',
  ],
  [
    'an archived marker',
    { ...tree('p'), marker: { seen: 'there', modifiedAt: T, archived: true, contents: { kind: 'opaque' } } },
    flag,
    'archived',
  ],
  ['an archived part below a good marker', marked(tree(part('part-0', { archived: true })), ''), flagged, 'archived'],
  ['contents that are asked for', marked(tree(), 'K42'), says('K42'), 'present'],
  ['contents with the newline of echo', marked(tree(), 'K42\n'), says('K42'), 'present'],
  ['two newlines are one too many', marked(tree(), 'K42\n\n'), says('K42'), 'absent', /something else/],
  ['other contents', marked(tree(), 'K41'), says('K42'), 'absent', /"K41"/],
  ['empty is asked for and there', marked(tree(), ''), says(''), 'present'],
  ['empty is asked for, a newline is there', marked(tree(), '\n'), says(''), 'absent'],
  ['something is asked for, empty is there', marked(tree(), ''), says('K'), 'absent', /it is empty/],
  ['our JSON for this key', marked(tree('p'), claim('complete')), ours('K'), 'present'],
  ['our JSON for another key', marked(tree('p'), claim('complete', 'L')), ours('K'), 'absent', /key L/],
  ['a claim is partial under every question', marked(tree('p'), claim('running')), flag, 'partial', /claim/],
  ['a claim is partial even if contents are asked for', marked(tree('p'), claim('running')), says('x'), 'partial'],
  [
    'a marker of an object that is gone',
    marked({ ...object({ parts: [] }), markerUri: 'm' }, ''),
    flagged,
    'absent',
    /object is not/,
  ],
];

describe('what lies at a place', () => {
  it.each(rows)('%s', (_, place, question, state, why) => {
    const sighting = judgeSight(place, question);
    expect(sighting.state, sighting.why).toBe(state);
    if (why) expect(sighting.why).toMatch(why);
  });

  it('has a row for every state', () => {
    const reached = new Set(rows.map(([, , , state]) => state));
    expect(STATES.filter((state) => !reached.has(state))).toEqual([]);
  });

  it('tells evidence: how many parts and bytes, whose marker, which job', () => {
    const sighting = judgeSight(marked(tree('part-0', 'part-1', '_SUCCESS'), S3A({})), flagged);
    expect(sighting).toMatchObject({
      parts: 2,
      bytes: 10,
      marker: { kind: 'hadoop', jobId: 'j-1', uri: 's3://lake/t/_SUCCESS' },
    });
    expect(judgeSight(object(), presence)).toMatchObject({ etag: 'e', bytes: 5, modifiedAt: T });
    expect(judgeSight(marked(tree('p'), claim('complete')), ours('K')).carriesKey).toBe(true);
    expect(judgeSight(marked(tree('p'), ''), flagged).carriesKey).toBe(false);
  });
});

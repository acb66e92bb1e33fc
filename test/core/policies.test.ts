import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { WorkKey } from '../../src/core/brand.js';
import { decide, type Situation } from '../../src/core/decide.js';
import { POLICIES } from '../../src/core/policies.js';
import { type Policy, readPolicy } from '../../src/core/policy.js';
import type { OutputSeen } from '../../src/core/prove.js';
import type { WorkRecord } from '../../src/core/record.js';
import type { Sighting } from '../../src/core/sighting.js';

const folder = resolve(import.meta.dirname, '../../policies');
const KEY = 'blake3-this' as WorkKey;
const part = { path: 'part-0', size: 1, etag: 'e', digest: 'blake3-d' as never, modifiedAt: 0 };
const marker = { uri: 's3://lake/t/_SUCCESS', kind: 'empty', modifiedAt: 0 } as const;
const sight = (state: Sighting['state'], more: Partial<Sighting> = {}): Sighting => ({
  uri: 's3://lake/t/',
  state,
  why: state,
  marker,
  ...more,
});
const record = (more: Partial<WorkRecord> = {}): WorkRecord => ({
  key: KEY,
  attempt: 1,
  producedAt: 0,
  tombstoned: false,
  outputs: [{ name: 'table', uri: 's3://lake/t/', parts: [part], markerSeen: true }],
  ...more,
});

const places: Readonly<Record<string, Partial<OutputSeen>>> = {
  complete: { sighting: sight('present') },
  'complete, marker with this key': { sighting: sight('present', { carriesKey: true }) },
  'marker older than its parts': { sighting: sight('outdated') },
  'a part changed': { sighting: sight('present'), parts: [{ ...part, etag: 'other', digest: 'blake3-o' as never }] },
  'in progress': { sighting: sight('partial', { inProgress: '_temporary/' }) },
  gone: { sighting: { uri: 's3://lake/t/', state: 'absent', why: 'gone', markerGone: true }, parts: [] },
  archived: { sighting: sight('archived') },
  'nobody can tell': { sighting: sight('unknown') },
};
const logs: Readonly<Record<string, { readonly log: OutputSeen['log']; readonly records: readonly WorkRecord[] }>> = {
  'recorded here': { log: { state: 'committed', key: KEY, attempt: 1 }, records: [record()] },
  invalidated: { log: { state: 'committed', key: KEY, attempt: 1 }, records: [record({ tombstoned: true })] },
  'never recorded': { log: { state: 'none' }, records: [] },
  'last made by other work': {
    log: { state: 'committed', key: 'blake3-other' as WorkKey, attempt: 7 },
    records: [record()],
  },
  'begun and not ended': { log: { state: 'open' }, records: [record()] },
};

function golden(policy: Policy): string {
  const rows = Object.entries(logs).flatMap(([known, { log, records }]) =>
    Object.entries(places).map(([lies, seen]) => {
      const output: OutputSeen = {
        name: 'table',
        uri: 's3://lake/t/',
        sighting: sight('present'),
        parts: [part],
        ...seen,
        log,
      };
      const situation: Situation = {
        key: { state: 'known', key: KEY },
        outputs: [output],
        records,
        lease: 'free',
        control: { force: false, readOff: false, writeOff: false },
        needed: true,
        policy,
        freshness: {},
        now: 0,
      };
      const { action, reason } = decide(situation);
      return `${known.padEnd(24)} ${lies.padEnd(32)} ${action.padEnd(7)} ${reason}`;
    }),
  );
  return `# ${policy.name}: ${policy.describe}\n${rows.join('\n')}\n`;
}

describe('the policies that ship', () => {
  it('are six, and what the build compiled is what the files say', () => {
    const names = readdirSync(folder).map((file) => file.replace('.yaml', ''));
    expect(names.sort()).toEqual(['digest', 'exists', 'key', 'parts', 'rerun', 'spark']);
    for (const name of names) {
      const data = parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')) as Record<string, unknown>;
      expect(POLICIES[name]).toEqual(readPolicy(name, data));
    }
  });

  it.each(Object.values(POLICIES).map((policy) => [policy.name, policy] as const))(
    '%s decides as its golden cases say',
    async (name, policy) => {
      await expect(golden(policy)).toMatchFileSnapshot(`../golden/policies/${name}.txt`);
    },
  );

  it('are refused when a field is unknown, missing or none of its words', () => {
    const good = { ...POLICIES['parts'], name: undefined };
    const { name: _, ...fields } = good;
    expect(() => readPolicy('x', { ...fields, skip: 'always' })).toThrow(/unknown field skip/);
    expect(() => readPolicy('x', { ...fields, withRecord: 'maybe' })).toThrow(/withRecord must be one of/);
    expect(() => readPolicy('x', { ...fields, whenUnknown: undefined })).toThrow(
      /whenUnknown must be one of run, refuse/,
    );
  });
});

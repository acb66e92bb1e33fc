import type { WorkKey } from './brand.js';
import type { Viability } from './freshness.js';
import { compareParts, type Part, type PartChange } from './parts.js';
import type { Level, Policy } from './policy.js';
import type { Reason } from './reason.js';
import type { PlaceLog, RecordedOutput, WorkRecord } from './record.js';
import type { Sighting } from './sighting.js';

/** One declared output, as the look found it. */
export interface OutputSeen {
  readonly name: string;
  readonly uri: string;
  /** Judged for completeness, with the marker this key asks for. */
  readonly sighting: Sighting;
  /** Without the excluded names; absent where they could not be listed. */
  readonly parts?: readonly Part[];
  /** What lies there and is not to be restored stays there, since it could not be had back: a restore does not remove it. */
  readonly extrasStay?: boolean;
  /** A command answers for it: it has no parts. */
  readonly probe?: boolean;
  readonly log: PlaceLog;
}

/** This key's records, told apart, the newest last. */
export interface Records {
  readonly judged: readonly { readonly record: WorkRecord; readonly verdict: Viability }[];
  readonly viable: readonly WorkRecord[];
  /** The one that is used when the place itself names none. */
  readonly chosen?: WorkRecord;
}

export interface Proof {
  readonly ok: boolean;
  readonly reason: Reason;
  readonly fact: string;
  /** The run that made what is there, where a record names it. */
  readonly attempt?: number;
}

interface Claim {
  readonly key: WorkKey;
  readonly records: Records;
  readonly policy: Policy;
}

/** Is this output proven, as far as the policy asks? The order of the questions is the order of SEMANTICS 3. */
export function prove(output: OutputSeen, { key, records, policy }: Claim): Proof {
  const { log } = output;
  const named =
    log.state === 'committed' && log.key === key
      ? records.judged.find(({ record }) => record.attempt === log.attempt)
      : undefined;
  if (log.state === 'open') return short('partial', 'the last run here did not commit');
  if (log.state === 'committed' && log.key === key && !named)
    return short('partial', 'the last commit here names a record that is not in its log');
  if (log.state === 'committed' && log.key !== key && __SABOTAGE__ !== 'other-key-ignored') {
    return policy.otherKey === 'exists' ? exists(output) : short('other-key', `last committed by ${log.key}`);
  }
  if (records.judged.length > 0 && records.viable.length === 0) return notViable(records.judged.at(-1)!.verdict);
  if (records.chosen) {
    if (policy.withRecord === 'never') return short('rerun-policy', 'never proven');
    if (policy.withRecord === 'exists') return exists(output);
    if (policy.withRecord === 'key') return carriesKey(output);
    // The place holds one version. What it holds was made by the attempt its own log names, and by no other.
    if (!named) return short('no-record', 'this key has a record, but it was made at another place');
    if (!named.verdict.viable) return notViable(named.verdict);
    return asRecorded(output, named.record, policy.withRecord);
  }
  switch (policy.withoutRecord) {
    case 'exists':
      return exists(output);
    case 'spark':
      return foreignMarker(output);
    case 'never':
      return short('no-record', 'no record names this place');
    default:
      return policy.withoutRecord satisfies never;
  }
}

function exists(output: OutputSeen): Proof {
  return output.sighting.state === 'present' ? proven('exists', output.sighting.why) : fallsShort(output.sighting);
}

function carriesKey(output: OutputSeen): Proof {
  const { sighting } = output;
  if (sighting.state !== 'present') return fallsShort(sighting);
  return sighting.carriesKey
    ? proven('key-matches', 'the marker carries this key')
    : short('marker-other', 'the marker carries no key');
}

function foreignMarker(output: OutputSeen): Proof {
  const { sighting } = output;
  if (sighting.state !== 'present') return fallsShort(sighting);
  const kind = sighting.marker?.kind;
  return kind === 'empty' || kind === 'hadoop'
    ? proven('foreign-marker', sighting.why)
    : short('no-record', 'no record names this place, and no producer marker vouches for it');
}

function asRecorded(output: OutputSeen, record: WorkRecord, level: Exclude<Level, 'exists' | 'key'>): Proof {
  const recorded = record.outputs.find((o) => o.name === output.name);
  // What is kept may have been put back here: then this place's own log names the record, and content tells the rest.
  if (!recorded || (recorded.uri !== output.uri && recorded.artifact === undefined))
    return short('no-record', 'the record was made at another place');
  const obstacle = obstacleToParts(output, recorded);
  if (obstacle) return obstacle;
  const { attempt } = record;
  // A probe has no parts: the record, the place's log and its own word are all there can be.
  if (output.probe)
    return level === 'parts'
      ? { ...proven('parts-match', output.sighting.why), attempt }
      : short('unverified', 'a probe shows no bytes');
  if (!output.parts) return short('unverified', 'its parts were not listed');
  const verdict = compareParts(recorded.parts, output.parts, level === 'digest');
  if (!verdict.same) return changed(verdict.changes);
  const count = recorded.parts.length === 1 ? '1 part' : `${recorded.parts.length} parts`;
  return { ...proven(level === 'digest' ? 'digest-matches' : 'parts-match', `${count} as recorded`), attempt };
}

/** What no parts list can outweigh. That a marker is older than its parts can: where the list matches, time is not asked. */
function obstacleToParts({ sighting, parts }: OutputSeen, recorded: RecordedOutput): Proof | undefined {
  switch (sighting.state) {
    case 'present':
    case 'outdated':
    case 'unverified':
      return undefined;
    case 'absent':
    case 'partial':
      if (sighting.inProgress !== undefined) return fallsShort(sighting);
      if (parts?.length === 0 && recorded.parts.length > 0) return short('output-missing', sighting.why);
      if (sighting.markerGone) return recorded.markerSeen ? short('marker-gone', sighting.why) : undefined;
      return fallsShort(sighting);
    case 'archived':
    case 'unknown':
      return fallsShort(sighting);
    default:
      return sighting.state satisfies never;
  }
}

function fallsShort(sighting: Sighting): Proof {
  switch (sighting.state) {
    case 'absent':
      return short(sighting.marker ? 'marker-other' : 'output-missing', sighting.why);
    case 'partial':
    case 'outdated':
    case 'archived':
    case 'unverified':
      return short(sighting.state, sighting.why);
    case 'unknown':
      return short('place-unknown', sighting.why);
    case 'present':
      return short('unverified', sighting.why);
    default:
      return sighting.state satisfies never;
  }
}

function changed(changes: readonly PartChange[]): Proof {
  const [first, ...others] = changes;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  const reason = changes.every((change) => change.what === 'unverified') ? 'unverified' : 'parts-changed';
  return short(reason, `${first!.path === '' ? 'it' : first!.path} ${CHANGE[first!.what]}${more}`);
}

const CHANGE: Record<PartChange['what'], string> = {
  gone: 'is gone',
  extra: 'is not in the record',
  size: 'has another size',
  content: 'has other contents',
  tag: 'has another ETag',
  unverified: 'has another time or inode, and nobody knows its bytes',
};

function notViable(verdict: Viability): Proof {
  return verdict.viable
    ? short('no-record', 'the record was made at another place')
    : short(verdict.why, verdict.detail);
}

function proven(reason: Reason, fact: string): Proof {
  return { ok: true, reason, fact };
}
function short(reason: Reason, fact: string): Proof {
  return { ok: false, reason, fact };
}

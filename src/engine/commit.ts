import type { Digest } from '../core/brand.js';
import { compareParts, type Part } from '../core/parts.js';
import type { NotRecorded } from '../core/reason.js';
import type { StoredRecord } from '../core/slot.js';
import type { Engine } from './engine.js';
import type { Lease } from './lease.js';
import { type Claim, mark, partsAt, unmark } from './places.js';
import { identitiesOf, type Made } from './record.js';
import type { Seen, Subject } from './situation.js';

/** A record stands: what its outputs are, for those who read them. */
export interface Recorded {
  readonly attempt: number;
  readonly identities: Readonly<Record<string, Digest>>;
}

interface Committing {
  readonly lease: Lease;
  readonly record: StoredRecord;
  readonly made: readonly Made[];
  readonly mine: Claim;
}

/** Places, record, marker, one more look: in this order, so that a death in between leaves nothing that proves too much. */
export async function commit(
  engine: Engine,
  subject: Subject,
  seen: Seen & { readonly keyRead: NonNullable<Seen['keyRead']> },
  { lease, record, made, mine }: Committing,
): Promise<Recorded | NotRecorded> {
  const lost: NotRecorded = { not: 'lease-lost', fact: 'what this run left may be mixed with what they write' };
  const logs = [...seen.placeReads.values()].map(({ log }) => log).sort((a, b) => (a.id < b.id ? -1 : 1));
  // biome-ignore format: a marker before its record is what the simulation must catch
  if (__SABOTAGE__ === 'marker-first') for (const { own, parts } of made) await mark(engine, own, mine, totalOf(parts));
  // biome-ignore format: a record before its places say so would prove what a death leaves half said
  if (__SABOTAGE__ === 'record-first') await lease.append(seen.keyRead.log, { kind: 'commit', attempt: record.attempt, key: record.key, record });
  for (const log of logs) {
    const committed = await lease.append(log, {
      kind: 'commit',
      attempt: lease.attemptOf(log),
      key: record.key,
      of: record.attempt,
    });
    if (!committed) return lost;
  }
  // biome-ignore format: see above
  if (__SABOTAGE__ !== 'record-first' && !(await lease.append(seen.keyRead.log, { kind: 'commit', attempt: record.attempt, key: record.key, record })))
    return lost;
  for (const { own, parts } of made) await mark(engine, own, mine, totalOf(parts));

  // biome-ignore format: what others changed between the listing and the record must not stay recorded
  const changed = __SABOTAGE__ === 'no-last-look' ? undefined : await lastLook(engine, subject, { lease, made, mine });
  if (changed === undefined) return { attempt: record.attempt, identities: identitiesOf(record) };
  await lease.append(seen.keyRead.log, { kind: 'tombstone', attempts: [record.attempt], undo: false, why: changed });
  for (const log of logs) await lease.append(log, { kind: 'tombstone', attempts: [], undo: false, why: changed });
  for (const { own } of made) await unmark(engine, own, mine);
  return { not: 'changed-after', fact: changed };
}

async function lastLook(
  engine: Engine,
  subject: Subject,
  { lease, made, mine }: Pick<Committing, 'lease' | 'made' | 'mine'>,
): Promise<string | undefined> {
  if (!(await lease.stands())) return 'the lease was taken over';
  for (const { own, parts } of made) {
    const now = await partsAt(engine, subject, own.output, mine.key);
    if (!now) return `${own.output.path} cannot be listed any more`;
    const verdict = compareParts(parts, now);
    if (!verdict.same) return `${verdict.changes[0]!.path || own.output.path} changed`;
  }
  return undefined;
}

function totalOf(parts: readonly Part[]) {
  return { count: parts.length, bytes: parts.reduce((sum, part) => sum + part.size, 0) };
}

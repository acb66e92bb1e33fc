import type { Digest } from '../core/brand.js';
import { IntegrityError, StoreError } from '../core/error.js';
import { formatLocation, type Location } from '../core/location.js';
import { compareParts, isPlaceholder, type Part } from '../core/parts.js';
import type { Verdict } from '../core/reason.js';
import type { StoredOutput, StoredRecord } from '../core/slot.js';
import { hashParts } from '../look/inputs.js';
import type { Engine, PutBack, RestoreHow } from './engine.js';
import type { Outcome } from './events.js';
import type { Lease } from './lease.js';
import type { SlotLog } from './log.js';
import { mend } from './mend.js';
import { type Claim, mark, type OwnOutput, ownOutputs, partsAt, removeOld, unmark } from './places.js';
import { identitiesOf, recordPutBack } from './record.js';
import { partsIn, type Seen, type Subject } from './situation.js';

interface Restoring {
  readonly own: OwnOutput;
  readonly stored: StoredOutput;
}

/**
 * Puts kept outputs back under the leases: marker off, bytes, the places' logs, marker. Undefined: something was
 * otherwise than thought, so everything is looked at again.
 */
export async function restoreOutputs(
  engine: Engine,
  subject: Subject,
  seen: Seen,
  verdict: Verdict,
  lease: Lease,
): Promise<Outcome | undefined> {
  const { attempt, outputs } = verdict.restore!;
  const record = seen.stored.find((one) => one.attempt === attempt);
  if (!record || !seen.keyRead) throw new Error(`internal: no record ${attempt} to restore from`);
  const { log: keyLog } = seen.keyRead;
  const logs = [...seen.placeReads.values()].map(({ log }) => log);
  const wanted = restoringOf(subject, record, outputs);
  try {
    const retagged = new Map<string, readonly Part[]>();
    for (const one of wanted) {
      const parts = await putBack(engine, subject, one, record);
      if (parts) retagged.set(one.stored.name, parts);
    }
    // Equal bytes under other tags: a record of what lies there now speaks for them, as old as the first one.
    const now =
      retagged.size === 0 ? record : await recordPutBack(engine, subject, record, lease.attemptOf(keyLog), retagged);
    const mine: Claim = { key: now.key, attempt: now.attempt };
    // All of them: what was not short was proven to be of that same run, and our lease has put its log in doubt.
    for (const log of logs) {
      const entry = { kind: 'commit', attempt: lease.attemptOf(log), key: now.key, of: now.attempt } as const;
      if (!(await lease.append(log, entry))) return undefined;
    }
    if (now !== record) {
      const entry = { kind: 'commit', attempt: now.attempt, key: now.key, record: now } as const;
      if (!(await lease.append(keyLog, entry))) return undefined;
    }
    for (const { own, stored } of wanted) {
      if (stored.marker !== undefined) await restoreOrMend(engine, record, stored.marker, own.marker!.location);
      else await mark(engine, own, mine, { count: stored.count, bytes: stored.bytes });
    }
    const doubt = await lastLook(keyLog, { lease, attempt });
    if (doubt !== undefined) {
      const entry = { kind: 'tombstone', undo: false, why: doubt } as const;
      if (now !== record) await lease.append(keyLog, { ...entry, attempts: [now.attempt] });
      for (const log of logs) await lease.append(log, { ...entry, attempts: [] });
      for (const { own } of wanted) await unmark(engine, own, mine);
      return undefined;
    }
    const identities = now === record ? undefined : identitiesOf(now);
    return { status: 'avoided', verdict, savedMs: record.durationMs, ...(identities && { identities }) };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    // What is kept is gone or is not what it was: the record promises more than there is.
    const why = `its artifact cannot be restored: ${error.message}`;
    engine.events({ type: 'step-warned', step: subject.instance.name, warning: why });
    // Ours too, where it has become a record and only the marker is missing.
    const attempts = [attempt, lease.attemptOf(keyLog)];
    await lease.append(keyLog, { kind: 'tombstone', attempts, undo: false, why });
    return undefined;
  }
}

/** What the store has lost may still lie where it was made: a record that is right elsewhere is not given up for it. */
async function restoreOrMend(
  engine: Engine,
  record: StoredRecord,
  digest: Digest,
  location: Location,
  how?: RestoreHow,
): Promise<readonly PutBack[] | undefined> {
  try {
    return await engine.artifacts!.restore(digest, location, how);
  } catch (error) {
    const isLost = error instanceof IntegrityError && error.code !== 'integrity/changed';
    if (!isLost || !(await mend(engine, record, digest))) throw error;
    return engine.artifacts!.restore(digest, location, how);
  }
}

/** One output, and what it consists of now if that is not, tag for tag, what the record says. */
async function putBack(
  engine: Engine,
  subject: Subject,
  { own, stored }: Restoring,
  record: StoredRecord,
): Promise<readonly Part[] | undefined> {
  const recorded = await partsIn(engine, stored);
  if (!recorded) throw cannotTell(own, 'its recorded parts cannot be read');
  if (own.marker) await removeOld(engine, own.marker.location, false);
  const how = { recorded, replace: own.output.mode === 'replace' };
  const restored = await restoreOrMend(engine, record, stored.artifact!, own.location, how);
  if (__SABOTAGE__ === 'restore-unchecked') return undefined;
  const parts = await partsAt(engine, subject, own.output, record.key);
  if (!parts) throw cannotTell(own, 'its parts cannot be listed');
  if (!restored) {
    await checkBytes(engine, own, recorded, parts);
    return undefined;
  }
  const tagged = checkTags(own, { recorded, restored, parts });
  return compareParts(recorded, tagged).same ? undefined : tagged;
}

/** While bytes were put back, somebody may have said that they are not to be used, or taken the work from us. */
async function lastLook(
  log: SlotLog,
  { lease, attempt }: { readonly lease: Lease; readonly attempt: number },
): Promise<string | undefined> {
  const { held, records } = await log.read();
  if (held?.attempt !== lease.attemptOf(log)) return 'the lease was taken over';
  return records.find((record) => record.attempt === attempt)?.tombstoned ? 'the record was invalidated' : undefined;
}

function restoringOf({ instance }: Subject, record: StoredRecord, names: readonly string[]): readonly Restoring[] {
  const owns = ownOutputs(instance.resolved.outputs);
  return names.map((name) => ({
    own: owns.find(({ output }) => output.name === name)!,
    stored: record.outputs.find((output) => output.name === name)!,
  }));
}

/** The bytes were verified as they were written. That nothing else lies there, and nothing was missed, is looked at. */
async function checkBytes(
  engine: Engine,
  own: OwnOutput,
  recorded: readonly Part[],
  parts: readonly Part[],
): Promise<void> {
  const place = engine.places.at(own.location);
  const now = await hashParts(place, parts, engine.cache.hash, ({ etag }) => etag === undefined);
  const verdict = compareParts(recorded, now, place.store.traits.kind === 'file');
  if (!verdict.same) throw notAsRecorded(own, verdict.changes[0]!.path);
}

/** The same by tags: those under which the verified bytes were taken are those that are listed. */
function checkTags(
  own: OwnOutput,
  said: {
    readonly recorded: readonly Part[];
    readonly restored: readonly PutBack[];
    readonly parts: readonly Part[];
  },
): readonly Part[] {
  const restored = new Map(said.restored.map((part) => [part.path, part]));
  const recorded = new Map(said.recorded.filter((part) => !isPlaceholder(part)).map((part) => [part.path, part]));
  const tagged = said.parts.map((part) => {
    if (isPlaceholder(part)) return part;
    const mine = restored.get(part.path);
    restored.delete(part.path);
    if (part.etag === undefined || mine?.etag !== part.etag || mine.size !== part.size)
      throw notAsRecorded(own, part.path);
    if (recorded.get(part.path)?.size !== part.size) throw notAsRecorded(own, part.path);
    recorded.delete(part.path);
    return { ...part, ...mine };
  });
  for (const [path] of [...restored, ...recorded]) throw notAsRecorded(own, path);
  return tagged;
}

/** Kept while somebody changed it, or changed by somebody just now: the record is given up, which costs a run at most. */
function notAsRecorded({ location }: OwnOutput, path: string): IntegrityError {
  return new IntegrityError(
    'integrity/changed',
    `${formatLocation(location)}: ${path || 'it'} is not as the record has it`,
  );
}

function cannotTell({ location }: OwnOutput, why: string): StoreError {
  const uri = formatLocation(location);
  return new StoreError('store/conflict', `${uri}: ${why}`, { store: uri });
}

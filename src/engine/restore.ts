import { IntegrityError, StoreError } from '../core/error.js';
import { formatLocation } from '../core/location.js';
import { compareParts } from '../core/parts.js';
import type { Verdict } from '../core/reason.js';
import type { StoredOutput, StoredRecord } from '../core/slot.js';
import { hashParts } from '../look/inputs.js';
import type { Engine } from './engine.js';
import type { Outcome } from './events.js';
import type { Lease } from './lease.js';
import type { SlotLog } from './log.js';
import { type Claim, mark, type OwnOutput, ownOutputs, partsAt, removeOld, unmark } from './places.js';
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
  const wanted = restoringOf(subject, record, outputs);
  const mine: Claim = { key: record.key, attempt: record.attempt };
  try {
    for (const { own, stored } of wanted) {
      if (own.marker) await removeOld(engine, own.marker.location, false);
      await engine.artifacts!.restore(stored.artifact!, own.location);
      await checkParts(engine, subject, { own, stored }, record.key);
    }
    // All of them: what was not short was proven to be of that same run, and our lease has put its log in doubt.
    for (const { log } of seen.placeReads.values()) {
      const entry = { kind: 'commit', attempt: lease.attemptOf(log), key: record.key, of: record.attempt } as const;
      if (!(await lease.append(log, entry))) return undefined;
    }
    for (const { own, stored } of wanted) {
      if (stored.marker !== undefined) await engine.artifacts!.restore(stored.marker, own.marker!.location);
      else await mark(engine, own, mine, { count: stored.count, bytes: stored.bytes });
    }
    const doubt = await lastLook(seen.keyRead.log, { lease, attempt });
    if (doubt !== undefined) {
      for (const { log } of seen.placeReads.values())
        await lease.append(log, { kind: 'tombstone', attempts: [], undo: false, why: doubt });
      for (const { own } of wanted) await unmark(engine, own, mine);
      return undefined;
    }
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    // What is kept is gone or is not what it was: the record promises more than there is.
    const why = `its artifact cannot be restored: ${error.message}`;
    engine.events({ type: 'step-warned', step: subject.instance.name, warning: why });
    await lease.append(seen.keyRead.log, { kind: 'tombstone', attempts: [attempt], undo: false, why });
    return undefined;
  }
  return { status: 'avoided', verdict, savedMs: record.durationMs };
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
async function checkParts(engine: Engine, subject: Subject, { own, stored }: Restoring, key: string): Promise<void> {
  if (__SABOTAGE__ === 'restore-unchecked') return;
  const [recorded, parts] = [await partsIn(engine, stored), await partsAt(engine, subject, own.output, key)];
  const place = engine.places.at(own.location);
  if (!recorded || !parts) throw cannotTell(own, 'its parts cannot be listed');
  const now = await hashParts(place, parts, engine.cache.hash, ({ etag }) => etag === undefined);
  const verdict = compareParts(recorded, now, place.store.traits.kind === 'file');
  // Kept while somebody changed it, or changed by somebody just now: the record is given up, which costs a run at most.
  if (!verdict.same)
    throw new IntegrityError(
      'integrity/changed',
      `${formatLocation(own.location)}: ${verdict.changes[0]!.path || 'it'} is not as the record has it`,
    );
}

function cannotTell({ location }: OwnOutput, why: string): StoreError {
  const uri = formatLocation(location);
  return new StoreError('store/conflict', `${uri}: ${why}`, { store: uri });
}

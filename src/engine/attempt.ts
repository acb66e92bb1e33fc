import { IntegrityError, isStoreError } from '../core/error.js';
import type { NotRecorded } from '../core/reason.js';
import { commit, type Recorded } from './commit.js';
import { endUploads } from './end-uploads.js';
import type { Asked, Engine } from './engine.js';
import { examine } from './examine.js';
import type { Lease } from './lease.js';
import { type Claim, ownOutputs } from './places.js';
import { recordOf } from './record.js';
import type { Seen, Subject } from './situation.js';
import { tryUntilWell } from './tries.js';

export type Attempted =
  | {
      readonly ok: true;
      readonly durationMs: number;
      readonly recorded: Recorded | NotRecorded;
      readonly value?: string;
    }
  | {
      readonly ok: false;
      readonly durationMs: number;
      readonly exitCode: number;
      readonly why: string;
      readonly log?: string;
    };

/**
 * One run under its leases, from the first claim to the last look. Whatever goes wrong after the command ended well costs
 * the record, never the step.
 */
export async function attempt(
  engine: Engine,
  subject: Subject,
  seen: Seen,
  asked: Asked,
  lease: Lease | undefined,
): Promise<Attempted> {
  const { instance } = subject;
  const warn = (warning: string) => engine.events({ type: 'step-warned', step: instance.name, warning });
  const owns = ownOutputs(instance.resolved.outputs);
  const number =
    lease &&
    (seen.keyRead ? lease.attemptOf(seen.keyRead.log) : lease.attemptOf([...seen.placeReads.values()][0]!.log));
  const mine: Claim = { key: seen.key ?? 'none', attempt: number ?? 0 };
  const begun = engine.monotonic();
  const startedAt = engine.cache.now();

  if (lease) await endUploads(engine, subject, seen);
  const trying = { owns, mine, key: seen.key, warn };
  const { ended, tries, before, stuck } = await tryUntilWell(engine, subject, asked, {
    ...trying,
    leased: lease !== undefined,
  });
  const durationMs = Math.round(engine.monotonic() - begun);
  if (ended.exitCode !== 0 && __SABOTAGE__ !== 'failure-recorded') {
    const why = ended.why ?? `it ended with exit code ${ended.exitCode}`;
    return {
      ok: false,
      durationMs,
      exitCode: ended.exitCode,
      why,
      ...(ended.log === undefined ? {} : { log: ended.log }),
    };
  }
  const done = { ok: true, durationMs, ...(ended.value === undefined ? {} : { value: ended.value }) } as const;
  try {
    const made = await examine(engine, subject, { ...trying, before, stuck, asked });
    if ('not' in made) return { ...done, recorded: made };
    if (asked.writeOff) return { ...done, recorded: { not: 'writing-off', fact: 'nothing is recorded in this run' } };
    if (!seen.key || !seen.keyRead || !lease) {
      const state = seen.keyed.key;
      return {
        ...done,
        recorded: { not: 'not-keyed', fact: state.state === 'not-cached' ? state.why : 'it ran without its key' },
      };
    }
    const facts = { startedAt, durationMs, tries, ...(ended.value === undefined ? {} : { value: ended.value }) };
    const record = await recordOf(
      engine,
      subject,
      { ...seen, key: seen.key },
      { ...facts, attempt: mine.attempt, run: asked.run, made },
    );
    return {
      ...done,
      recorded: await commit(engine, subject, { ...seen, keyRead: seen.keyRead }, { lease, record, made, mine }),
    };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const not = error.cause instanceof IntegrityError ? 'not-kept' : 'cache-failed';
    return { ...done, recorded: { not, fact: error.message } };
  }
}

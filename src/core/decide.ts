import type { WorkKey } from './brand.js';
import type { Truth } from './condition.js';
import { chooseRecord, type Freshness, type Viability, viability } from './freshness.js';
import { isPlaceholder } from './parts.js';
import type { Policy } from './policy.js';
import { type OutputSeen, type Proof, prove, type Records } from './prove.js';
import type { Because, Reason, Verdict } from './reason.js';
import type { WorkRecord } from './record.js';
import type { Doubt } from './sighting.js';

/** Everything a decision depends on. Nothing else is asked: no clock, no store, no chance. */
export interface Situation {
  readonly condition?: { readonly truth: Truth; readonly because: readonly string[] };
  readonly key: KeyState;
  readonly outputs: readonly OutputSeen[];
  /** The key's log; a doubt if it (or a place's) could not be read. */
  readonly records: readonly WorkRecord[] | { readonly doubt: Doubt };
  /** Who else works on this key or at one of the places. */
  readonly lease: 'free' | 'held' | 'given-up' | 'failed-elsewhere';
  readonly control: Control;
  /** The same execution ended well in this run, or in the one that it repeats. */
  readonly memo?: boolean;
  /** Somebody who will run, or the user by name, wants the outputs. False lets gone intermediates stay gone. */
  readonly needed: boolean;
  readonly policy: Policy;
  readonly whenUnknown?: 'run' | 'refuse';
  readonly freshness: Freshness;
  readonly now: number;
}

export type KeyState =
  | { readonly state: 'known'; readonly key: WorkKey }
  | { readonly state: 'pending'; readonly on: readonly string[] }
  | { readonly state: 'input-missing'; readonly what: string }
  | { readonly state: 'unknown'; readonly doubt: Doubt }
  | { readonly state: 'not-cached'; readonly why: string };

export interface Control {
  /** Ignore what is there, but record. */
  readonly force: boolean;
  /** `--no-cache` and `--write-only`: nothing is read. */
  readonly readOff: boolean;
  /** `--no-cache` and `--read-only`: nothing is leased and nothing recorded. */
  readonly writeOff: boolean;
}

/** Total and pure: every situation has one verdict, and the same situation the same. Only positive proof skips. */
export function decide(situation: Situation): Verdict {
  const verdict = decideAlone(situation);
  if (situation.memo && isDoneAgain(situation, verdict)) return say('skip', 'run-memo');
  if (verdict.action !== 'run' && verdict.action !== 'restore') return verdict;
  // Nobody works without the leases, and a cache that cannot be asked gives none.
  if ('doubt' in situation.records && !situation.control.writeOff)
    return say('refuse', 'cache-unknown', about('cache', [noLease(situation.records.doubt.message)]));
  // Who waited looks afresh: that the holder succeeded is no reason to skip.
  if (situation.lease === 'held') return { action: 'wait', reason: 'held', because: verdict.because };
  if (situation.lease === 'given-up') return { action: 'refuse', reason: 'busy', because: verdict.because };
  if (situation.lease === 'failed-elsewhere')
    return { action: 'refuse', reason: 'failed-elsewhere', because: verdict.because };
  return verdict;
}

function decideAlone(situation: Situation): Verdict {
  const { condition, key, outputs, control, policy } = situation;
  if (!control.force && condition?.truth === 'false')
    return say('skip', 'condition-false', about('when', condition.because));
  if (key.state === 'pending') return say('wait', 'pending', about('needs', key.on));
  if (key.state === 'input-missing') return say('refuse', 'input-missing', about('inputs', [key.what]));
  if (control.force) return say('run', 'forced');
  const blind = outputs.find((output) => output.sighting.state === 'unknown');
  if (blind) return say('refuse', 'place-unknown', about(blind.name, [blind.sighting.why]));
  if (condition?.truth === 'unknown') return inDoubt(situation, 'condition-unknown', about('when', condition.because));
  if (outputs.length === 0) {
    return condition ? say('run', 'condition-true', about('when', condition.because)) : say('run', 'nothing-to-prove');
  }
  if (control.readOff) return say('run', 'cache-off');
  if (policy.withRecord === 'never') return say('run', 'rerun-policy');
  if (key.state === 'not-cached') return say('run', 'not-cached', about('key', [key.why]));
  if (key.state === 'unknown') return inDoubt(situation, 'input-unknown', about('inputs', [key.doubt.message]));
  if ('doubt' in situation.records)
    return inDoubt(situation, 'cache-unknown', about('cache', [situation.records.doubt.message]));
  return byEvidence(situation, key.key, sort(situation, situation.records));
}

function sort(situation: Situation, all: readonly WorkRecord[]): Records {
  const names = situation.outputs.map((output) => output.name);
  const judged = [...all]
    .sort((a, b) => a.attempt - b.attempt)
    .map((record) => {
      const verdict: Viability = viability(record, {
        outputs: names,
        freshness: situation.freshness,
        now: situation.now,
      });
      return { record, verdict };
    });
  const viable = judged.flatMap(({ record, verdict }) => (verdict.viable ? [record] : []));
  const chosen = chooseRecord(viable, situation.freshness.maxStalenessMs);
  return { judged, viable, ...(chosen ? { chosen } : {}) };
}

function byEvidence(situation: Situation, key: WorkKey, records: Records): Verdict {
  const proofs = situation.outputs.map((output) => ({
    output,
    proof: prove(output, { key, records, policy: situation.policy }),
  }));
  const short = proofs.filter(({ proof }) => !proof.ok);
  const because = (short.length > 0 ? short : proofs).map(({ output, proof }) => ({
    about: output.name,
    fact: proof.fact,
  }));
  // Runs of one key need not give the same bytes: outputs of two runs are not the outputs of one.
  const attempts = new Set(
    proofs.flatMap(({ proof }) => (proof.ok && proof.attempt !== undefined ? [proof.attempt] : [])),
  );
  if (short.length === 0) {
    if (attempts.size > 1)
      return say(
        'run',
        'mixed-runs',
        proofs.map(({ output, proof }) => ({ about: output.name, fact: `made by attempt ${proof.attempt}` })),
      );
    return say('skip', weakest(proofs.map(({ proof }) => proof.reason)), because);
  }
  const { chosen } = records;
  if (chosen && !situation.needed && short.every(isGone)) return say('skip', 'not-needed', because);
  const restore = restorable(situation, records, { attempts, short: short.map(({ output }) => output.name) });
  if (restore && short.every(isQuiet)) {
    const inTheWay = extrasOf(situation, records, restore);
    if (inTheWay.length > 0) return say('refuse', 'parts-changed', inTheWay);
    return { ...say('restore', 'kept-artifact', because), restore };
  }
  return say('run', short[0]!.proof.reason, because);
}

/** What to do where a cache gives no leases. */
export function noLease(why: string): string {
  return `${why}; --no-cache runs it all the same, without lease and record`;
}

/** Only what would run although nothing is missing is spared by a memo; outputs have to be there as recorded. */
function isDoneAgain(situation: Situation, { reason }: Verdict): boolean {
  if (reason === 'nothing-to-prove' || reason === 'condition-true') return true;
  const { key, records, policy } = situation;
  if (reason !== 'rerun-policy' || key.state !== 'known' || 'doubt' in records) return false;
  const byParts: Situation = { ...situation, policy: { ...policy, withRecord: 'parts' } };
  return byEvidence(byParts, key.key, sort(byParts, records)).action === 'skip';
}

interface Proven {
  readonly output: OutputSeen;
  readonly proof: Proof;
}

/** Surely nothing there, and nobody at work or dead there: only that may stay as it is. */
function isGone({ output, proof }: Proven): boolean {
  return output.sighting.state === 'absent' && (output.parts?.length ?? 0) === 0 && isQuiet({ output, proof });
}

function isQuiet({ output, proof }: Proven): boolean {
  return output.log.state !== 'open' && output.sighting.inProgress === undefined && proof.reason !== 'partial';
}

/** What is short comes from the run that made the rest; where that cannot be, everything comes from one other run. */
function restorable(
  { outputs }: Situation,
  { viable, chosen }: Records,
  { attempts, short }: { readonly attempts: ReadonlySet<number>; readonly short: readonly string[] },
): Verdict['restore'] {
  const keeps = (record: WorkRecord | undefined, names: readonly string[]) =>
    record !== undefined &&
    names.every((name) => record.outputs.some((o) => o.name === name && o.artifact !== undefined));
  const [attempt] = attempts;
  const same =
    attempts.size === 1
      ? viable.find((record) => record.attempt === attempt)
      : attempts.size === 0
        ? chosen
        : undefined;
  if (same && keeps(same, short)) return { attempt: same.attempt, outputs: short };
  const all = outputs.map(({ name }) => name);
  return chosen && keeps(chosen, all) ? { attempt: chosen.attempt, outputs: all } : undefined;
}

/** What would have to go for good before these could be put back: that is for a person to say, by `mode: replace`. */
function extrasOf(
  { outputs }: Situation,
  { viable }: Records,
  { attempt, outputs: names }: NonNullable<Verdict['restore']>,
): readonly Because[] {
  const record = viable.find((one) => one.attempt === attempt)!;
  return outputs.flatMap(({ name, parts = [], extrasStay }) => {
    if (!extrasStay || !names.includes(name)) return [];
    const known = new Set(record.outputs.find((one) => one.name === name)?.parts.map(({ path }) => path));
    const [first, ...more] = parts.filter((part) => !isPlaceholder(part) && !known.has(part.path));
    if (!first) return [];
    const others = more.length > 0 ? ` (and ${more.length} more)` : '';
    const fact = `it could be restored, but ${first.path}${others} is not in the record; mode: replace removes such parts`;
    return [{ about: name, fact }];
  });
}

/** Of several proofs the weakest is told: a chain is as strong as that. */
const STRENGTH: readonly Reason[] = ['exists', 'foreign-marker', 'key-matches', 'parts-match', 'digest-matches'];

function weakest(reasons: readonly Reason[]): Reason {
  return STRENGTH.find((reason) => reasons.includes(reason)) ?? reasons[0]!;
}

function inDoubt({ whenUnknown, policy }: Situation, reason: Reason, because: readonly Because[]): Verdict {
  return say(whenUnknown ?? policy.whenUnknown, reason, because);
}

function about(subject: string, facts: readonly string[]): readonly Because[] {
  return facts.map((fact) => ({ about: subject, fact }));
}

function say(action: Verdict['action'], reason: Reason, because: readonly Because[] = []): Verdict {
  return { action, reason, because };
}

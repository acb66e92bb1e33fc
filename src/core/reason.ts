/** Every decision gives one of these. Closed: a new reason is a new line here, a new row in the tests, a new golden text. */
export const REASONS = {
  // skip
  'condition-false': 'its condition says that there is nothing to do',
  exists: 'its outputs are there, and this policy asks for no more',
  'foreign-marker': 'a complete marker of another producer is there, and this policy takes its word',
  'key-matches': 'the marker at the place carries this key',
  'parts-match': 'every part is as the record has it',
  'digest-matches': 'every byte is as the record has it',
  'not-needed': 'its outputs are gone, but nobody who would read them has to run',
  'run-memo': 'the same was done in this run already',
  // restore
  'kept-artifact': 'its outputs are kept as artifacts under this key',
  // wait
  pending: 'what it reads is still to be made',
  held: 'the same work, or work on the same place, is under way',
  // run
  forced: 'it was asked for by force',
  'condition-true': 'its condition says so, and it declares no outputs that could prove it done',
  'nothing-to-prove': 'it declares neither a condition nor outputs',
  'rerun-policy': 'its policy is to run always',
  'cache-off': 'reading what is there was switched off',
  'not-cached': 'its key cannot be computed safely',
  'output-missing': 'an output is not there',
  partial: 'a run began here and did not finish, or is still writing',
  outdated: 'a marker is older than what it vouches for',
  archived: 'an output is in an archive class',
  unverified: 'something is there, but nothing proves it complete or unchanged',
  'marker-gone': 'the marker that the record saw is gone',
  'marker-other': 'the marker says something else',
  'mixed-runs': 'its outputs were made by different runs',
  'parts-changed': 'parts are not as the record has them',
  'no-record': 'nothing says that this work made what is there',
  'other-key': 'other work was the last to write here',
  invalidated: 'its record was invalidated',
  'too-old': 'its record is too old',
  'new-output': 'its record does not name every output declared now',
  // run or refuse, as whenUnknown says
  'condition-unknown': 'nobody can tell whether its condition holds',
  'input-unknown': 'nobody can tell what its inputs are',
  'cache-unknown': 'the cache cannot be read',
  // refuse
  'place-unknown': 'nobody can tell what is at its own output, so nothing can be written there safely',
  'input-missing': 'an input matches nothing',
  'failed-elsewhere': 'others ran it while this one waited, and it failed as often as its attempts allow',
  busy: 'the same work, or work on the same place, was still under way when waiting ended',
} as const;

export type Reason = keyof typeof REASONS;
export type Action = 'skip' | 'restore' | 'wait' | 'run' | 'refuse';

/** One fact behind a decision: about what, and what. */
export interface Because {
  /** An output's name, `when`, `key`, `cache`, ... */
  readonly about: string;
  readonly fact: string;
}

export interface Verdict {
  readonly action: Action;
  readonly reason: Reason;
  readonly because: readonly Because[];
  /** With `restore`: from which attempt, and which outputs. */
  readonly restore?: { readonly attempt: number; readonly outputs: readonly string[] };
}

/** A run that ended well and left no record: the next one runs again. Closed, as reasons are. */
export const NOT_RECORDED = {
  leftovers: 'parts that were there before it are still there: say mode: merge if they belong to it, or mode: replace',
  'inputs-changed': 'an input changed while it ran, so nobody knows what it read',
  'output-missing': 'a declared output is not there',
  'output-unproven': 'what it left cannot be taken for complete',
  'output-unknown': 'nobody can tell what it left',
  'validate-failed': 'its own validate command says no',
  'place-contested': 'somebody else wrote a marker of ours at the place meanwhile',
  'lease-lost': 'others took the work over meanwhile',
  'changed-after': 'what it left changed while it was being recorded',
  'not-keyed': 'its key cannot be computed safely',
  'writing-off': 'recording was switched off',
  'not-kept': 'what is no plain file or folder, or changes while it is read, cannot be kept by content',
  'cache-failed': 'the cache could not be written',
} as const;

export interface NotRecorded {
  readonly not: keyof typeof NOT_RECORDED;
  readonly fact: string;
}

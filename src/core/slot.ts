import type { Digest, WorkKey } from './brand.js';
import type { Component } from './key.js';
import type { Part } from './parts.js';

/**
 * A log is a row of slots, each written once and never again. What a slot holds is its entry and the state of the log
 * with that entry folded in, so the highest slot alone tells everything. Only who read slot n can write slot n + 1.
 */
export const SLOT_VERSION = 1;

/** Who wrote a slot: enough to see, on the same boot, that he is gone. */
export interface Holder {
  readonly host: string;
  readonly boot: string;
  /** Process numbers mean something only within one of these: two containers may share a boot. */
  readonly pidns: string;
  readonly pid: number;
  readonly started: string;
  /** The heartbeat object that only this holder writes. */
  readonly beat: string;
}

export type Entry =
  | { readonly kind: 'acquire' }
  /** In a place's log it names key and attempt; in a key's log it is the record. */
  | {
      readonly kind: 'commit';
      readonly attempt: number;
      readonly key: WorkKey;
      readonly of?: number;
      readonly record?: StoredRecord;
    }
  /** `untouched`: nothing was done under the lease, so what was known of the place before still holds. */
  | { readonly kind: 'release'; readonly attempt: number; readonly untouched: boolean }
  /** `attempts` of a key's log lose their records; an empty list in a place's log says: what is there proves nothing. */
  | { readonly kind: 'tombstone'; readonly attempts: readonly number[]; readonly undo: boolean; readonly why: string }
  | { readonly kind: 'pin'; readonly attempts: readonly number[]; readonly undo: boolean };

export interface Slot {
  readonly v: typeof SLOT_VERSION;
  readonly n: number;
  /** Milliseconds since 1970, by the store's clock as the writer knew it. */
  readonly at: number;
  /** Makes two writers' bodies differ: an unclear answer is settled by reading it back. */
  readonly nonce: string;
  readonly by: Holder;
  readonly entry: Entry;
  readonly state: LogState;
}

export type Settled =
  | { readonly state: 'none' }
  | { readonly state: 'committed'; readonly key: WorkKey; readonly attempt: number };

/** `before` is what a lease that is given back unused leaves behind. */
export type Last = Settled | { readonly state: 'open'; readonly attempt: number; readonly before?: Settled | Begun };

/** Somebody began in that attempt, and did not end well. */
interface Begun {
  readonly state: 'open';
  readonly attempt: number;
}

export interface LogState {
  readonly held?: { readonly attempt: number; readonly at: number; readonly by: Holder };
  readonly last: Last;
  /** Of a key's log, the newest last; never more than MAX_RECORDS unless they are pinned. */
  readonly records: readonly RecordEntry[];
  /** The newest record in full, so that a hit needs no further request. */
  readonly newest?: StoredRecord;
}

export interface RecordEntry {
  readonly attempt: number;
  /** The commit slot that is the record. */
  readonly slot: number;
  readonly producedAt: number;
  readonly trackMs?: number;
  readonly tombstoned?: boolean;
  readonly pinned?: boolean;
}

/** What a finished run leaves, in full. */
export interface StoredRecord {
  readonly key: WorkKey;
  readonly attempt: number;
  readonly workflow: string;
  /** The instance's name: `report[2024-01-01]`. */
  readonly step: string;
  readonly run: string;
  readonly startedAt: number;
  readonly producedAt: number;
  readonly durationMs: number;
  readonly trackMs?: number;
  readonly tries: number;
  readonly exitCode: number;
  /** It ran in that attempt. In this one what it left was put back, and has other tags since. */
  readonly putBack?: number;
  readonly producer: {
    readonly host: string;
    readonly version: string;
    readonly image?: string;
    readonly adopted?: boolean;
  };
  readonly components: Stored<readonly Component[]>;
  readonly outputs: readonly StoredOutput[];
  /** What a library function returned, as JSON; a large one is an object by its digest. */
  readonly value?: string | { readonly digest: Digest };
}

export interface StoredOutput {
  readonly name: string;
  readonly uri: string;
  readonly markerSeen: boolean;
  readonly count: number;
  readonly bytes: number;
  /** Kept by content: its bytes can be put back. */
  readonly artifact?: Digest;
  /** The producer's marker, kept as well. */
  readonly marker?: Digest;
  /** Content identity, where every part has a tag or was hashed. */
  readonly identity?: Digest;
  readonly parts: Stored<readonly Part[]>;
}

/** In the slot itself, or, being too large for it, an object of its own by digest. */
export type Stored<T> = { readonly here: T } | { readonly digest: Digest };

const MAX_RECORDS = 64;

export const EMPTY_LOG: LogState = { last: { state: 'none' }, records: [] };

/** The log's next state, or why the entry has no place in it: then nothing is written. */
export function fold(
  state: LogState,
  { entry, n, at, by }: Pick<Slot, 'entry' | 'n' | 'at' | 'by'>,
): LogState | { readonly void: string } {
  switch (entry.kind) {
    case 'acquire':
      // Over a holder that stands this is a takeover: whoever held the lease before can commit no more.
      return { ...state, held: { attempt: n, at, by }, last: opened(state.last, n) };
    case 'commit': {
      if (__SABOTAGE__ !== 'commit-unfenced' && state.held?.attempt !== entry.attempt)
        return { void: 'the lease was lost' };
      const last: Last = { state: 'committed', key: entry.key, attempt: entry.of ?? entry.attempt };
      if (!entry.record) return { ...state, last };
      const { producedAt, trackMs } = entry.record;
      const added: RecordEntry = {
        attempt: entry.attempt,
        slot: n,
        producedAt,
        ...(trackMs === undefined ? {} : { trackMs }),
      };
      return { ...state, last, records: bounded([...state.records, added]), newest: entry.record };
    }
    case 'release': {
      const { held, ...free } = state;
      if (held?.attempt !== entry.attempt) return { void: 'the lease was lost' };
      const { last } = state;
      const back = entry.untouched && last.state === 'open' && last.attempt === entry.attempt && last.before;
      return back ? { ...free, last: back } : free;
    }
    case 'tombstone': {
      const last: Last = entry.attempts.length === 0 && !entry.undo ? { state: 'open', attempt: n } : state.last;
      return { ...state, last, records: marked(state.records, entry.attempts, { tombstoned: !entry.undo }) };
    }
    case 'pin':
      return { ...state, records: marked(state.records, entry.attempts, { pinned: !entry.undo }) };
    default:
      return entry satisfies never;
  }
}

/** A place where somebody began proves nothing until he ends; what was said before is kept for a lease given back unused. */
function opened(last: Last, attempt: number): Last {
  const before = last.state === 'open' ? ({ state: 'open', attempt: last.attempt } as const) : last;
  return { state: 'open', attempt, before };
}

function marked(
  records: readonly RecordEntry[],
  attempts: readonly number[],
  mark: Partial<RecordEntry>,
): readonly RecordEntry[] {
  return records.map((record) => (attempts.includes(record.attempt) ? { ...record, ...mark } : record));
}

function bounded(records: readonly RecordEntry[]): readonly RecordEntry[] {
  let over = records.length - MAX_RECORDS;
  // The newest always stays: it is the one that was just made.
  return over <= 0 ? records : records.filter((one, at) => at === records.length - 1 || one.pinned || over-- <= 0);
}

/** Nobody can read who wrote the highest slot: somebody began, and nothing more is known. */
export function unreadable(before: LogState, n: number, at: number): LogState {
  const by: Holder = { host: '?', boot: '?', pidns: '?', pid: 0, started: '?', beat: 'unreadable' };
  return { ...before, held: { attempt: n, at, by }, last: { state: 'open', attempt: n } };
}

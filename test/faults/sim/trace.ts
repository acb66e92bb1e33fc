/** What the simulation saw, in order: all that the oracle is told. */
export type Entry = {
  readonly t: number;
} /** A key has other bytes from now on, or none. `by`: `process:1`, `command:7`, `foreign`; `asked`: the entry before which a process asked for it. */ & (
  | {
      readonly kind: 'change';
      readonly key: string;
      readonly text: string | undefined;
      readonly by: string;
      readonly asked?: number;
    }
  /** A process was shown what lies below a prefix (or whether one key is there), as it is at this moment. */
  | { readonly kind: 'shown'; readonly ask: number; readonly by: number; readonly prefix: string }
  /** That answer came, and the process still waited for it. */
  | { readonly kind: 'heard'; readonly ask: number }
  /** It asked and got an error. */
  | { readonly kind: 'denied'; readonly by: number; readonly prefix: string }
  | { readonly kind: 'read'; readonly by: number; readonly key: string }
  | {
      readonly kind: 'begun';
      readonly by: number;
      readonly step: string;
      readonly run: number;
      readonly log: string | undefined;
    }
  | { readonly kind: 'took'; readonly run: number; readonly place: string }
  | { readonly kind: 'over'; readonly run: number; readonly ok: boolean }
  | {
      readonly kind: 'decided';
      readonly by: number;
      readonly step: string;
      readonly action: string;
      readonly reason: string;
      readonly log: string | undefined;
    }
  | { readonly kind: 'warned'; readonly by: number; readonly step: string; readonly warning: string }
  | { readonly kind: 'ended'; readonly by: number; readonly step: string; readonly ended: string }
  | { readonly kind: 'broke'; readonly by: number; readonly error: string }
  | { readonly kind: 'crashed'; readonly by: number }
  /** Bytes were kept by their digest; and a sweeper took them. */
  | { readonly kind: 'kept' | 'swept'; readonly digest: string }
);

type Plain<T> = T extends { readonly t: number } ? Omit<T, 't'> : never;
export type Untimed = Plain<Entry>;

/** One kind of work, as its author means it. */
export interface Work {
  readonly step: string;
  /** What it is; with what it reads, this is its key. */
  readonly label: string;
  /** Where it leaves its parts: `out/a/`, or `out/a` for one object. */
  readonly places: readonly PlaceSpec[];
  /** Places that it reads. */
  readonly reads: readonly string[];
  readonly policy: 'parts' | 'exists' | 'key' | 'spark';
  readonly attempts: number;
}

export interface PlaceSpec {
  readonly at: string;
  readonly mode: 'replace' | 'merge' | undefined;
  readonly marker: { readonly at: string; readonly by: 'stepaside' | 'producer' } | undefined;
  /** The folder of its log in the cache. */
  readonly log: string;
  /** What is kept is put back, but nothing is removed for it: whoever finds more there has to ask a person. */
  readonly extrasStay: boolean;
}

export interface Facts {
  /** What each process was to do; by process, then by step. */
  readonly work: ReadonlyMap<number, ReadonlyMap<string, Work>>;
  /** The name of a process's heartbeat. */
  readonly beats: ReadonlyMap<number, string>;
  readonly ttlMs: number;
  /** What is given up can be taken back for so long. */
  readonly graceMs: number;
  readonly cache: string;
  /** What clocks show when a history begins. */
  readonly epoch: number;
  /** Begun when all faults were over, in this order. */
  readonly clean: readonly number[];
}

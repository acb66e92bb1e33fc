import type { Digest } from '../core/brand.js';
import type { Config } from '../core/config.js';
import type { Location } from '../core/location.js';
import type { Part } from '../core/parts.js';
import type { StepInstance } from '../core/resolve.js';
import type { Holder } from '../core/slot.js';
import type { Workflow } from '../core/step.js';
import type { KnownDigests } from '../look/known-digests.js';
import type { Place, Places } from '../look/places.js';
import type { Store } from '../store/store.js';
import type { Heart } from './beat.js';
import type { Cache } from './cache.js';
import type { Events } from './events.js';
import type { Naming } from './place-id.js';
import type { Watch } from './watch.js';

export interface WritablePlaces extends Places {
  at(location: Location): Place & { readonly store: Store };
}

/** Everything a run needs of the world. Nothing below this asks for a clock, a process or a disk by itself. */
export interface Engine {
  readonly cache: Cache;
  readonly places: WritablePlaces;
  readonly naming: Naming;
  readonly self: Holder;
  readonly heart: Heart;
  readonly watch: Watch;
  readonly limits: Config['limits'];
  readonly secret?: string | undefined;
  /** Absent: inputs are read, however unchanged they look. */
  readonly known?: KnownDigests;
  readonly version: string;
  readonly monotonic: () => number;
  /** The signal ends it early. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly execute: Execute;
  readonly events: Events;
  /** Where outputs are kept by content; absent: none are, and none are put back. */
  readonly artifacts?: Keeper;
}

/** Keeps what lies at a place by its content, and puts it back. */
export interface Keeper {
  /** Without the marker, our own names, and what is no part of an output. */
  keep(location: Location, marker?: Location): Promise<Digest>;
  /** What lies there then, where a store's tags tell; undefined: only its bytes tell. */
  restore(digest: Digest, location: Location, how?: RestoreHow): Promise<readonly PutBack[] | undefined>;
  /** Stores anew what lies there, if it is what the artifact was made of. True: the artifact is whole again. */
  mend(digest: Digest, location: Location, marker?: Location): Promise<boolean>;
  /** Ends the uploads to these paths that a killed restore left there: under the place's lease nobody else has any. */
  endUploads(location: Location, paths: ReadonlySet<string>): Promise<void>;
  /** Can what was kept be put back there? */
  canRestore(location: Location): boolean;
}

export type PutBack = Pick<Part, 'path' | 'size' | 'etag' | 'digest'>;

export interface RestoreHow {
  /** As they were recorded: what is there as it says is not read again. */
  readonly recorded: readonly Part[];
  /** What lies there and is none of them may be removed for good. */
  readonly replace: boolean;
}

/** One start of what a step does. */
export type Execute = (task: Task) => Promise<Executed>;

export interface Task {
  readonly workflow: Workflow;
  readonly instance: StepInstance;
  /** `run` is the step itself; `validate` is its own check of what it made. */
  readonly what: 'run' | 'validate';
  readonly key: string | undefined;
  readonly run: string;
  readonly signal: AbortSignal | undefined;
}

export interface Executed {
  readonly exitCode: number;
  readonly why?: string;
  /** What a library function returned, as JSON. */
  readonly value?: string;
  readonly log?: string;
  /** Its words are lost, and why. */
  readonly unlogged?: string;
}

/** How a run was asked for; the same for every step of it. */
export interface Asked {
  readonly run: string;
  readonly force: boolean;
  /** `--write-only`, `--no-cache`: nothing is read. */
  readonly readOff: boolean;
  /** `--read-only`, `--no-cache`: nothing is recorded. */
  readonly writeOff: boolean;
  /** In place of the step's own `memoize.wait`. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

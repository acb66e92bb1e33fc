import type { Digest, WorkKey } from './brand.js';
import type { Part } from './parts.js';

/** What a finished run leaves: as much of it as a decision needs. Where it is kept is the log's business. */
export interface WorkRecord {
  readonly key: WorkKey;
  /** The slot number of the acquisition that made it. */
  readonly attempt: number;
  /** By the store's clock, when the run that made the outputs ended; adopting a record never changes it. */
  readonly producedAt: number;
  /** Staleness class: the `maxStaleness` it was made under. */
  readonly trackMs?: number;
  readonly tombstoned: boolean;
  readonly outputs: readonly RecordedOutput[];
}

export interface RecordedOutput {
  readonly name: string;
  readonly uri: string;
  readonly parts: readonly Part[];
  /** The declared marker was there when the record was made; if not, its absence later proves nothing. */
  readonly markerSeen: boolean;
  /** Kept as an artifact, by this digest. */
  readonly artifact?: Digest;
}

/** What a place's own log says: who was the last to work there. */
export type PlaceLog =
  | { readonly state: 'none' }
  /** Begun and not committed: an acquire, a release, or a commit whose record its key's log does not have. */
  | { readonly state: 'open' }
  | { readonly state: 'committed'; readonly key: WorkKey; readonly attempt: number };

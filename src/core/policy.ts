/** How much evidence is enough, and what to do in doubt. Data: the six of `policies/` and those a user extends from them. */

/** Evidence, weakest to strongest. */
export const LEVELS = ['exists', 'key', 'parts', 'digest'] as const;
export type Level = (typeof LEVELS)[number];

export interface Policy {
  readonly name: string;
  readonly describe: string;
  /** With a viable record of this key: the level that must be proven, or `never` (always run). */
  readonly withRecord: Level | 'never';
  /** Where neither log names the place: `exists`, a complete Spark marker alone, or nothing is enough. */
  readonly withoutRecord: 'exists' | 'spark' | 'never';
  /** Where another key was the last to commit the place. */
  readonly otherKey: 'exists' | 'never';
  /** A marker older than the newest part of its output. */
  readonly outdatedMarker: 'run' | 'ignore';
  readonly whenUnknown: 'run' | 'refuse';
}

export function atLeast(proven: Level, wanted: Level): boolean {
  return LEVELS.indexOf(proven) >= LEVELS.indexOf(wanted);
}

import type { WorkRecord } from './record.js';

/** How old a record may be: the step's own wish and the administrator's limits. Undefined = no limit; 0 = never use. */
export interface Freshness {
  readonly maxAgeMs?: number;
  /** `maxStaleness: X`: a maximum age X, and a track of its own. */
  readonly maxStalenessMs?: number;
  readonly limits?: { readonly maxAgeMs?: number; readonly defaultMaxAgeMs?: number };
}

export type Viability =
  | { readonly viable: true }
  | { readonly viable: false; readonly why: 'invalidated' | 'too-old' | 'new-output'; readonly detail: string };

/** May this record be used at all? Whether its outputs still are what it says is another question. */
export function viability(
  record: WorkRecord,
  {
    outputs,
    freshness,
    now,
  }: { readonly outputs: readonly string[]; readonly freshness: Freshness; readonly now: number },
): Viability {
  if (record.tombstoned && __SABOTAGE__ !== 'tombstone-ignored')
    return { viable: false, why: 'invalidated', detail: `record ${record.attempt} was invalidated` };
  const unnamed = outputs.find((name) => !record.outputs.some((output) => output.name === name));
  if (unnamed !== undefined)
    return { viable: false, why: 'new-output', detail: `record ${record.attempt} does not name output ${unnamed}` };
  const limit = maxAge(freshness);
  if (limit === undefined) return { viable: true };
  // A clock that was set back must not make a record negative years old; nor must it make it older than it is.
  const age = Math.max(0, now - record.producedAt);
  if (limit === 0) return { viable: false, why: 'too-old', detail: 'maxAge 0: no record is ever used' };
  if (age <= limit) return { viable: true };
  return { viable: false, why: 'too-old', detail: `record is ${formatAge(age)} old, maxAge ${formatAge(limit)}` };
}

export function maxAge({ maxAgeMs, maxStalenessMs, limits }: Freshness): number | undefined {
  const wished = maxAgeMs ?? maxStalenessMs ?? limits?.defaultMaxAgeMs;
  const most = limits?.maxAgeMs;
  return wished === undefined ? most : most === undefined ? wished : Math.min(wished, most);
}

/** The newest record of the step's own track, else the newest of any: it is adopted by reading, never copied. */
export function chooseRecord(viable: readonly WorkRecord[], trackMs: number | undefined): WorkRecord | undefined {
  return newest(viable.filter((record) => record.trackMs === trackMs)) ?? newest(viable);
}

function newest(records: readonly WorkRecord[]): WorkRecord | undefined {
  return records.reduce<WorkRecord | undefined>(
    (best, record) =>
      best &&
      (best.producedAt > record.producedAt || (best.producedAt === record.producedAt && best.attempt > record.attempt))
        ? best
        : record,
    undefined,
  );
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `9d`, `3h`, `12s`: the largest unit that fits, rounded down. */
export function formatAge(ms: number): string {
  for (const [unit, length] of UNITS) if (ms >= length) return `${Math.floor(ms / length)}${unit}`;
  return `${ms}ms`;
}

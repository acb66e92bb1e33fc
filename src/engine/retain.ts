import type { Keeping } from '../artifacts/marks.js';
import type { Digest, WorkKey } from '../core/brand.js';
import type { RetentionRules } from '../core/config.js';
import { formatAge } from '../core/freshness.js';
import { fatesOf } from '../core/retention.js';
import type { StoredRecord } from '../core/slot.js';
import { surelyDead, thisProcess } from '../holder.js';
import { allKeys, allRecords, type Found, recordsIn } from './all-records.js';
import { type Cache, keyLog } from './cache.js';

/** No run is taken for longer than this, however short the grace is. */
const LONGEST_MS = 86_400_000;

/** A holder's clock and the store's stamps, some in whole seconds, differ by less. */
const STAMP_MS = 60_000;

export interface Expired {
  readonly key: WorkKey;
  readonly attempt: number;
  readonly step: string;
  /** The rule that decided. */
  readonly rule: string;
}

/** Records that no rule keeps: tombstoned, unless it is a dry run. They can be taken back until the grace is over. */
export async function expire(
  cache: Cache,
  rules: RetentionRules,
  { now, dryRun }: { readonly now: number; readonly dryRun: boolean },
): Promise<readonly Expired[]> {
  if (rules.keepLast === undefined && rules.keepForMs === undefined && Object.keys(rules.steps).length === 0) return [];
  const records: (ReturnType<typeof asked> & { readonly found: Found })[] = [];
  for await (const found of allRecords({ cache }))
    if (found.entry.tombstoned !== true) records.push({ ...asked(found), found });
  const expired: Expired[] = [];
  for (const [{ step, found }, { stays, rule }] of fatesOf(records, rules, now)) {
    if (stays) continue;
    const { key, log, entry, record } = found;
    expired.push({ key, attempt: entry.attempt, step: record.step, rule });
    const why = `expired: no rule keeps it (${step}, ${rule})`;
    if (!dryRun)
      await log.appendAfter(
        await log.read(),
        { kind: 'tombstone', attempts: [entry.attempt], undo: false, why },
        thisProcess(),
      );
  }
  return expired;
}

function asked({ entry, record }: Found) {
  return {
    group: groupOf(record),
    step: record.step.replace(/\[.*/s, ''),
    producedAt: record.producedAt,
    pinned: entry.pinned === true,
  };
}

/** Commands of `exec` have no names: what they make tells them apart. */
function groupOf({ workflow, step, outputs }: StoredRecord): string {
  const unnamed = workflow === 'exec' && step === 'exec';
  return JSON.stringify([workflow, step, ...(unnamed ? outputs.map(({ uri }) => uri).sort() : [])]);
}

/** A log that cannot be read may name anything: then the error goes up, and nothing is removed. */
export async function keepingOf(
  cache: Cache,
  { now, graceMs }: { readonly now: number; readonly graceMs: number },
): Promise<Keeping> {
  const kept = new Map<Digest, string>();
  const dropped = new Map<Digest, string>();
  const self = thisProcess();
  let since: number | undefined;
  for await (const key of allKeys({ cache })) {
    const log = keyLog(cache, key);
    const view = await log.read();
    const { held } = view;
    // biome-ignore format: what is put under a lease and not yet recorded is what the simulation must miss
    if (__SABOTAGE__ !== 'leases-unseen' && held && held.at >= now - Math.max(graceMs, LONGEST_MS) && !surelyDead(held.by, self))
      since = Math.min(since ?? held.at, held.at - STAMP_MS);
    for await (const found of recordsIn({ key, log, view })) {
      const end = await endOf(found, now);
      const goes = end !== undefined && (__SABOTAGE__ === 'tombstone-ungraced' || end.at < now - graceMs);
      const name = `the record of ${found.record.step} (${key.slice(0, 19)})`;
      for (const { artifact, marker } of found.record.outputs)
        for (const digest of [artifact, marker])
          if (digest !== undefined) (goes ? dropped : kept).set(digest, `${name} ${goes ? end.why : 'names it'}`);
    }
  }
  return { kept, dropped, since };
}

/** When and why a record was given up: its slot says so. Where that cannot be read it was just now. */
async function endOf({ log, view, entry: { attempt, slot, ...entry } }: Found, now: number) {
  if (entry.tombstoned !== true || entry.pinned === true) return undefined;
  for (let n = view.n; n > slot; n--) {
    const found = await log.slot(n);
    if (found?.entry.kind !== 'tombstone' || found.entry.undo || !found.entry.attempts.includes(attempt)) continue;
    const { at } = found;
    return { at, why: `was given up ${formatAge(Math.max(0, now - at))} ago: ${found.entry.why}` };
  }
  return { at: now, why: 'was given up' };
}

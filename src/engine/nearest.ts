import type { WorkKey } from '../core/brand.js';
import { type Component, type Difference, differences } from '../core/key.js';
import type { StoredRecord } from '../core/slot.js';
import { getObject, JOURNAL_PREFIX, keyLog } from './cache.js';
import type { Engine } from './engine.js';
import { readJournal, type StepUsed } from './journal.js';
import type { Seen, Subject } from './situation.js';

export interface Nearest {
  readonly record: StoredRecord;
  /** The leaves that differ, likeliest cause first; empty if it is a record of this very key. */
  readonly differ: readonly Difference[];
}

/** How many runs back somebody looks for a record of the same step. */
const RUNS_BACK = 20;

/** The record a person would compare with: of this key, else of who was last at the place, else of the step's last runs. */
export async function nearestRecord(
  engine: Engine,
  { instance }: Subject,
  seen: Seen,
  runs: PastRuns,
): Promise<Nearest | undefined> {
  const own = seen.stored.at(-1);
  const others = [...seen.placeReads.values()].some(
    ({ view: { last } }) => last.state === 'committed' && last.key !== seen.key,
  );
  // Where other work was the last to write, what people ask is how it differs from this.
  if (own && !others) return { record: own, differ: [] };
  // A cache that cannot be read was told already; there is nothing to compare with.
  if ('doubt' in seen.records) return undefined;
  const record = (await recordAtPlaces(engine, seen)) ?? (await runs.recordOf(instance.name));
  if (!record) return undefined;
  const before = await componentsOf(engine, record);
  const differ = before ? differences(before, seen.keyed.components) : [];
  // What a pending key is made of is not all known yet: what is not there may come.
  return { record, differ: seen.key === undefined ? differ.filter(({ after }) => after !== undefined) : differ };
}

export async function componentsOf(
  engine: Engine,
  { components }: StoredRecord,
): Promise<readonly Component[] | undefined> {
  if ('here' in components) return components.here;
  const bytes = await getObject(engine.cache, components.digest);
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as readonly Component[]);
}

async function recordAtPlaces(engine: Engine, { placeReads }: Seen): Promise<StoredRecord | undefined> {
  for (const { view } of placeReads.values()) {
    const last = view.last.state === 'open' ? view.last.before : view.last;
    if (last?.state !== 'committed') continue;
    const found = await recordByKey(engine, last.key, last.attempt);
    if (found) return found;
  }
  return undefined;
}

export async function recordByKey(
  engine: Engine,
  key: WorkKey,
  attempt: number | undefined,
): Promise<StoredRecord | undefined> {
  const log = keyLog(engine.cache, key);
  const { newest, records } = await log.read();
  if (attempt === undefined || newest?.attempt === attempt) return newest;
  const entry = records.find((one) => one.attempt === attempt);
  return entry && log.record(entry);
}

/** What the last runs of a workflow used, read once however many steps ask. */
export class PastRuns {
  readonly #engine: Engine;
  readonly #workflow: string;
  #used: Promise<ReadonlyMap<string, readonly StepUsed[]>> | undefined;

  constructor(engine: Engine, workflow: string) {
    this.#engine = engine;
    this.#workflow = workflow;
  }

  async recordOf(step: string): Promise<StoredRecord | undefined> {
    this.#used ??= this.#read();
    for (const { key, attempt } of (await this.#used).get(step) ?? []) {
      const found = key === undefined ? undefined : await recordByKey(this.#engine, key as WorkKey, attempt);
      if (found) return found;
    }
    return undefined;
  }

  /** By step, the latest first. */
  async #read(): Promise<ReadonlyMap<string, readonly StepUsed[]>> {
    const runs: string[] = [];
    for await (const { key } of this.#engine.cache.store.list(JOURNAL_PREFIX))
      runs.push(key.slice(JOURNAL_PREFIX.length));
    const used = new Map<string, StepUsed[]>();
    for (const run of runs.sort().reverse().slice(0, RUNS_BACK)) {
      const journal = await readJournal(this.#engine, run);
      if (journal?.workflow !== this.#workflow) continue;
      for (const [step, { key, attempt }] of Object.entries(journal.steps)) {
        if (key === undefined) continue;
        const known = used.get(step) ?? [];
        // A run that used the same as a later one tells nothing new.
        if (known.some((one) => one.key === key && one.attempt === attempt)) continue;
        used.set(step, [...known, { key, ...(attempt === undefined ? {} : { attempt }) }]);
      }
    }
    return used;
  }
}

/** `params.date 2024-01-01 -> 2024-01-02`, as people read it. */
export function describeDifference({ name, before, after }: Difference): string {
  if (before === undefined) return `${name} is new: ${short(after)}`;
  if (after === undefined) return `${name} is gone, it was ${short(before)}`;
  if (name.startsWith('files.')) return `${name.slice('files.'.length)} has other contents`;
  if (name.startsWith('upstream.')) return `${name.slice('upstream.'.length)} has other contents upstream`;
  return `${name} ${short(before)} -> ${short(after)}`;
}

const SHOWN = 60;

function short(value: Component['value'] | undefined): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

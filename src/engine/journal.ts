import { randomBytes } from 'node:crypto';
import { isStoreError } from '../core/error.js';
import type { Workflow } from '../core/step.js';
import { JOURNAL_PREFIX, journalKey, readWhole } from './cache.js';
import type { Engine } from './engine.js';
import type { Outcome } from './events.js';

/** Which record each step of a run used: best effort, and proof of nothing. */
export interface Journal {
  readonly v: 1;
  readonly run: string;
  readonly workflow: string;
  readonly file: string;
  readonly at: number;
  /** As given; secrets are left out. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly named: readonly string[];
  readonly steps: Readonly<Record<string, StepUsed & { readonly status: Outcome['status']; readonly reason?: string }>>;
}

/** What a step used or made, by which it is known. */
export interface StepUsed {
  readonly key?: string;
  readonly attempt?: number;
  /** What it did is not done again when this run is repeated. */
  readonly memo?: string;
}

export interface Journaled {
  readonly run: string;
  readonly workflow: Workflow;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly keys: ReadonlyMap<string, StepUsed>;
  readonly named: readonly string[];
}

/** A fresh run's id; ids sort by time. */
export function newRun(): string {
  const time = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${randomBytes(3).toString('hex')}`;
}

export async function writeJournal(engine: Engine, { run, workflow, outcomes, keys, named }: Journaled): Promise<void> {
  const params = Object.fromEntries(
    Object.entries(workflow.params).flatMap(([name, { value, secret }]) =>
      secret || value === undefined ? [] : [[name, value]],
    ),
  );
  const steps = Object.fromEntries(
    [...outcomes].map(([name, outcome]) => [
      name,
      {
        status: outcome.status,
        ...('verdict' in outcome ? { reason: outcome.verdict.reason } : {}),
        ...keys.get(name),
      },
    ]),
  );
  const journal: Journal = {
    v: 1,
    run,
    workflow: workflow.name,
    file: workflow.file,
    at: engine.cache.now(),
    params,
    named,
    steps,
  };
  try {
    await engine.cache.store.write(journalKey(run), new TextEncoder().encode(`${JSON.stringify(journal)}\n`));
  } catch (error) {
    if (!isStoreError(error)) throw error;
  }
}

export async function readJournal(engine: Pick<Engine, 'cache'>, run: string): Promise<Journal | undefined> {
  const bytes = await readWhole(engine.cache.store, journalKey(run));
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Journal);
}

export async function* journals(engine: Pick<Engine, 'cache'>): AsyncGenerator<Journal> {
  for await (const { key } of engine.cache.store.list(JOURNAL_PREFIX)) {
    const journal = await readJournal(engine, key.slice(JOURNAL_PREFIX.length));
    if (journal) yield journal;
  }
}

export function memosOf({ steps }: Journal): readonly string[] {
  return Object.values(steps).flatMap(({ memo }) => (memo === undefined ? [] : [memo]));
}

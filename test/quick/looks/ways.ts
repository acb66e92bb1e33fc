import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HintNotes } from '../../../src/cli/hint.js';
import { instancesOf } from '../../../src/core/resolve.js';
import type { Workflow } from '../../../src/core/step.js';
import { allRecords } from '../../../src/engine/all-records.js';
import type { Outcome } from '../../../src/engine/events.js';
import { newRun } from '../../../src/engine/journal.js';
import { planWorkflow } from '../../../src/engine/plan.js';
import { runWorkflow } from '../../../src/engine/run.js';
import { type OpenEngine, openEngine } from '../../../src/open-engine.js';
import { type Asked, type Grounds, leaveHint } from '../../../src/quick/leave-hint.js';
import { loadWorkflow } from '../../../src/spec/load.js';
import { CONFIG, FLOW, make } from './world.js';

/** A folder, who asks there, and the time that his clock shows. */
export interface At {
  readonly folder: string;
  readonly argv: readonly ['run', ...string[]];
  readonly now: () => number;
}

export interface Told {
  readonly step: string;
  readonly action: string;
  readonly reason: string;
  /** All of the verdict. */
  readonly text: string;
}

export function askedOf({ folder, argv }: At): Asked {
  return { argv, cwd: folder, env: {} };
}

async function opened<T>(
  { folder, now }: At,
  rehash: boolean,
  act: (engine: OpenEngine, workflow: Workflow) => Promise<T>,
): Promise<T> {
  const loaded = loadedFrom(folder);
  const engine = await openEngine({
    ...{ cache: '.stepaside/', surroundings: { config: loaded.config, folder } },
    ...{ execute: make(folder), events: () => undefined, rehash },
  });
  // Nobody else is here who would have to hear it beat, and a thread costs more than all the rest.
  const heart = { start: async () => undefined, stop: async () => undefined };
  try {
    return await act({ ...engine, heart, cache: { ...engine.cache, now } }, loaded.workflow);
  } finally {
    await engine.close();
  }
}

type Loaded = Extract<ReturnType<typeof loadWorkflow>, { ok: true }>;

const loadedBefore = new Map<string, Loaded>();

/** The same texts at the same place mean the same: to read them takes as long as to plan them. */
function loadedFrom(folder: string): Loaded {
  const config = join(folder, CONFIG);
  const text = JSON.stringify([
    ...[folder, readFileSync(join(folder, FLOW), 'utf8')],
    existsSync(config) && readFileSync(config, 'utf8'),
  ]);
  const known = loadedBefore.get(text);
  if (known) return known;
  const loaded = loadWorkflow({ file: join(folder, FLOW), params: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  if (loadedBefore.size >= MOST_LOADED) loadedBefore.clear();
  loadedBefore.set(text, loaded);
  return loaded;
}

const MOST_LOADED = 200;

function selectionOf(workflow: Workflow) {
  const chosen = workflow.steps.flatMap((step) => [...instancesOf(workflow, step)]);
  return { chosen, named: false, only: false };
}

/** The long way. */
export function longWay(at: At, rehash: boolean): Promise<readonly Told[]> {
  return opened(at, rehash, (engine, workflow) => {
    const asked = { run: newRun(), force: false, readOff: false, writeOff: false, materialize: false };
    return planWorkflow(engine, workflow, { ...asked, selection: selectionOf(workflow) }, ({ node, verdict }) => ({
      ...{ step: node.instance.name, action: verdict.action, reason: verdict.reason },
      text: `${node.instance.name} ${JSON.stringify(verdict)}`,
    }));
  });
}

export interface Ran {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** On what a hint can stand, if one can be left. */
  readonly grounds: Grounds | undefined;
}

/** What the command `run` does. */
export function run(at: At, { force = false } = {}): Promise<Ran> {
  return opened(at, at.argv.includes('--rehash'), async (engine, workflow) => {
    const notes = new HintNotes(engine);
    const { outcomes } = await runWorkflow(engine, workflow, {
      ...{ run: newRun(), force, readOff: false, writeOff: false, selection: selectionOf(workflow) },
      ...{ materialize: false, forceDownstream: false, concurrency: 2, keepGoing: true },
      witness: notes.see.bind(notes),
    });
    return { outcomes, grounds: notes.grounds(at.folder, [join(at.folder, FLOW)]) };
  });
}

/** What the command then leaves for who asks the same again. */
export function hintAt(at: At, { outcomes, grounds }: Ran): boolean {
  if (grounds === undefined) return false;
  return leaveHint(askedOf(at), { ...grounds, begun: Date.now() }, { lines: linesOf(outcomes) });
}

/** As a hint has them: what each step is, and by what reason. */
function linesOf(outcomes: Ran['outcomes']): string {
  return [...outcomes]
    .map(([step, outcome]) => `${step} ${outcome.status === 'avoided' ? `skip ${outcome.verdict.reason}` : ''}`)
    .sort()
    .join('\n');
}

export function linesTold(told: readonly Told[]): string {
  return told
    .map(({ step, action, reason }) => `${step} ${action} ${reason}`)
    .sort()
    .join('\n');
}

/** As `stepaside invalidate` does to one record. */
export function invalidateOne(at: At, choose: (n: number) => number): Promise<void> {
  return opened(at, false, async (engine) => {
    const all = [];
    for await (const found of allRecords(engine)) if (!found.entry.tombstoned) all.push(found);
    const one = all[choose(all.length)];
    if (!one) return;
    const entry = { kind: 'tombstone', attempts: [one.entry.attempt], undo: false, why: 'by hand' } as const;
    await one.log.appendAfter(await one.log.read(), entry, engine.self);
  });
}

/** What a plan says against what a run then did; undefined: the same. */
export function contradicts(told: readonly Told[], outcomes: Ran['outcomes']): string | undefined {
  for (const { step, action, reason } of told) {
    const outcome = outcomes.get(step);
    if (action === 'wait' || !outcome) continue;
    const did = 'verdict' in outcome ? `${outcome.verdict.action} ${outcome.verdict.reason}` : outcome.status;
    if (did !== `${action} ${reason}` && outcome.status !== 'not-begun')
      return `${step} was planned as ${action} ${reason} and was ${did}`;
  }
  return undefined;
}

import type { Digest } from '../core/brand.js';
import type { Workflow } from '../core/step.js';
import { Turns } from '../store/turns.js';
import type { Asked, Engine } from './engine.js';
import type { Outcome, Summary } from './events.js';
import { graphOf, type Node, type Selection } from './graph.js';
import { memosOf, readJournal, type StepUsed, writeJournal } from './journal.js';
import { RunMemo } from './memo.js';
import type { Seen, Subject } from './situation.js';
import { identitiesAfter, upstreamHere } from './upstream.js';
import { type Prepared, recordUsed, work } from './work.js';

export interface RunAsked extends Omit<Asked, 'force'> {
  readonly selection: Selection;
  /** Commands at once. */
  readonly concurrency: number;
  readonly keepGoing: boolean;
  readonly materialize: boolean;
  readonly force: boolean;
  readonly forceDownstream: boolean;
  /** A run that avoids all of it writes nothing, no journal either. */
  readonly silentHits?: boolean;
  /** The run that this one repeats. */
  readonly repeats?: string;
  /** Told what each step's outcome was made of. */
  readonly witness?: (subject: Subject, seen: Seen, outcome: Outcome) => void;
}

export interface Ran {
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly summary: Summary;
}

/** Looks at once: enough to hide the network's delay, few enough to bound memory. */
const LOOKS = 256;

/**
 * Outputs put back at once, in the process: what small ones cost is waiting for a disk or a server, and a large one by itself
 * uses what there is. Each may hold 32 MiB of parts on their way to S3.
 */
const RESTORES = 4;

interface Ended {
  readonly outcome: Outcome;
  /** By output name: content identity, or the word for nothing there. */
  readonly identities: Readonly<Record<string, Digest>>;
}

/** Runs a workflow: each step once what it reads is there, as many at a time as are allowed. */
export async function runWorkflow(engine: Engine, workflow: Workflow, asked: RunAsked): Promise<Ran> {
  const nodes = graphOf(workflow, asked.selection);
  const earlier = asked.repeats === undefined ? undefined : await readJournal(engine, asked.repeats);
  const memo = new RunMemo(earlier && memosOf(earlier));
  const run = new Run(engine, workflow, asked, nodes, memo);
  const begun = engine.monotonic();
  engine.events({
    type: 'run-begun',
    run: asked.run,
    workflow: workflow.name,
    steps: nodes.length,
    cache: engine.cache.uri,
  });
  const outcomes = await run.all();
  const summary = summaryOf(outcomes, Math.round(engine.monotonic() - begun));
  const isHit = [...outcomes.values()].every(({ status }) => status === 'avoided');
  if (!asked.writeOff && !(isHit && asked.silentHits))
    await writeJournal(engine, {
      run: asked.run,
      workflow,
      outcomes,
      keys: run.keys,
      named: asked.selection.named ? asked.selection.chosen.map(({ name }) => name) : [],
    });
  engine.events({ type: 'run-ended', run: asked.run, summary });
  return { outcomes, summary };
}

class Run {
  readonly keys = new Map<string, StepUsed>();
  readonly #engine: Engine;
  readonly #workflow: Workflow;
  readonly #asked: RunAsked;
  readonly #nodes: readonly Node[];
  readonly #ended = new Map<Node, Ended>();
  readonly #ghosts = new Map<Node, Promise<Ended> | undefined>();
  readonly #forced: ReadonlySet<Node>;
  readonly #turns: Turns;
  readonly #restores = new Turns(RESTORES);
  readonly #steps: ReadonlySet<string>;
  readonly #memo: RunMemo;
  #stopped = false;

  constructor(engine: Engine, workflow: Workflow, asked: RunAsked, nodes: readonly Node[], memo: RunMemo) {
    this.#engine = engine;
    this.#workflow = workflow;
    this.#asked = asked;
    this.#nodes = nodes;
    this.#memo = memo;
    this.#turns = new Turns(asked.concurrency);
    this.#steps = new Set(nodes.map(({ instance }) => instance.step.name));
    this.#forced = forcedOf(nodes, asked);
  }

  async all(): Promise<ReadonlyMap<string, Outcome>> {
    const waits = new Map(this.#nodes.map((node) => [node, node.after.length]));
    const ready = this.#nodes.filter((node) => node.after.length === 0);
    const working = new Set<Promise<void>>();
    let next = 0;
    let trouble: { readonly error: unknown } | undefined;
    while (next < ready.length || working.size > 0) {
      while (next < ready.length && working.size < LOOKS) {
        const node = ready[next++]!;
        const done: Promise<void> = this.#end(node)
          .catch((error: unknown) => {
            // What nobody foresaw ends the run, but not before those who are at work have ended and let go.
            trouble ??= { error };
            this.#stopped = true;
            return {
              outcome: { status: 'not-begun', why: 'it could not be looked at' },
              identities: {},
            } satisfies Ended;
          })
          .then((ended) => {
            this.#ended.set(node, ended);
            working.delete(done);
            for (const follower of node.followers) {
              const left = waits.get(follower)! - 1;
              waits.set(follower, left);
              if (left === 0) ready.push(follower);
            }
          });
        working.add(done);
      }
      await Promise.race(working);
    }
    if (trouble) throw trouble.error;
    const outcomes = new Map<string, Outcome>();
    for (const node of this.#nodes) {
      const { outcome } = this.#ended.get(node)!;
      outcomes.set(node.instance.name, outcome);
    }
    return outcomes;
  }

  async #end(node: Node): Promise<Ended> {
    const { name } = node.instance;
    const bad = node.after.find((before) => !endedWell(this.#ended.get(before)!.outcome));
    const why = bad
      ? `${bad.instance.name} did not end well`
      : this.#stopped
        ? 'another step did not end well'
        : this.#asked.signal?.aborted
          ? 'the run was interrupted'
          : undefined;
    if (why !== undefined) return this.#tell(name, { outcome: { status: 'not-begun', why }, identities: {} });
    const needed = this.#asked.materialize || node.named || node.followers.length === 0;
    const ended = await this.#work(node, needed);
    if (isGhost(ended.outcome)) this.#ghosts.set(node, undefined);
    return this.#tell(name, ended);
  }

  #tell(step: string, ended: Ended): Ended {
    const { outcome } = ended;
    if ((outcome.status === 'failed' || outcome.status === 'refused') && !this.#asked.keepGoing) this.#stopped = true;
    this.#engine.events({ type: 'step-ended', step, outcome });
    return ended;
  }

  async #work(node: Node, needed: boolean): Promise<Ended> {
    const run = this;
    const subject: Subject = {
      workflow: this.#workflow,
      instance: node.instance,
      get upstream() {
        return run.#upstreamOf(node);
      },
      identitiesNow: async () => (await upstreamHere(run.#engine, run.#workflow, node)).identities,
    };
    const asked: Asked = { ...this.#asked, force: this.#forced.has(node) };
    const { outcome, seen, memo } = await work(this.#engine, subject, asked, {
      needed,
      memo: this.#memo,
      turn: (to) => (to === 'restore' ? this.#restores : this.#turns).take(),
      prepare: () => this.#materialiseFor(node),
    });
    this.#asked.witness?.(subject, seen, outcome);
    const attempt =
      outcome.status === 'ran'
        ? 'attempt' in outcome.recorded
          ? outcome.recorded.attempt
          : undefined
        : recordUsed(seen)?.attempt;
    this.keys.set(node.instance.name, {
      ...(seen.key && { key: seen.key }),
      ...(attempt === undefined ? {} : { attempt }),
      ...(memo !== undefined && isMemo(outcome) && { memo }),
    });
    return {
      outcome,
      identities: node.isRead && endedWell(outcome) ? await identitiesAfter(this.#engine, subject, seen, outcome) : {},
    };
  }

  /** Outputs that are gone and were not needed so far are made now, for one who must run. */
  async #materialiseFor(node: Node): Promise<Prepared> {
    let prepared: Prepared = 'ready';
    for (const before of node.after) {
      if (!this.#ghosts.has(before)) continue;
      let making = this.#ghosts.get(before);
      if (!making) {
        making = this.#work(before, true);
        this.#ghosts.set(before, making);
      }
      const ended = await making;
      if (this.#ended.get(before) !== ended) this.#ended.set(before, this.#tell(before.instance.name, ended));
      if (!endedWell(ended.outcome)) return { failed: before.instance.name };
      this.#ghosts.delete(before);
      prepared = 'changed';
    }
    return prepared;
  }

  #upstreamOf({ consumes, after }: Node): Subject['upstream'] {
    const identities = new Map<string, Digest>();
    for (const before of consumes)
      for (const [output, identity] of Object.entries(this.#ended.get(before)!.identities))
        identities.set(`${before.instance.name}.${output}`, identity);
    const inside = new Set(after.map(({ instance }) => instance.step.name));
    // What is not part of this run (--only) does not run: what lies there is what is read.
    return { ended: { has: (step) => inside.has(step) || !this.#steps.has(step) }, identities };
  }
}

function endedWell({ status }: Outcome): boolean {
  return status === 'avoided' || status === 'ran';
}

/** It was done, in this run or in one before that this one repeats. */
function isMemo(outcome: Outcome): boolean {
  return outcome.status === 'ran' || (outcome.status === 'avoided' && outcome.verdict.reason === 'run-memo');
}

function isGhost(outcome: Outcome): boolean {
  return outcome.status === 'avoided' && outcome.verdict.reason === 'not-needed';
}

function forcedOf(nodes: readonly Node[], { force, forceDownstream, selection }: RunAsked): ReadonlySet<Node> {
  const forced = new Set(force || forceDownstream ? nodes.filter((node) => !selection.named || node.named) : []);
  // Nodes come after what they read: one pass reaches all that is downstream.
  if (forceDownstream) for (const node of nodes) if (node.after.some((before) => forced.has(before))) forced.add(node);
  return forced;
}

function summaryOf(outcomes: ReadonlyMap<string, Outcome>, durationMs: number): Summary {
  const all = [...outcomes.values()];
  const count = (status: Outcome['status']) => all.filter((outcome) => outcome.status === status).length;
  const savedMs = all.reduce((sum, outcome) => sum + (outcome.status === 'avoided' ? (outcome.savedMs ?? 0) : 0), 0);
  return {
    steps: all.length,
    avoided: count('avoided'),
    ran: count('ran'),
    failed: count('failed'),
    refused: count('refused'),
    notBegun: count('not-begun'),
    savedMs,
    durationMs,
  };
}

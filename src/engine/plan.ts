import type { Digest } from '../core/brand.js';
import { parseLocation } from '../core/location.js';
import type { Verdict } from '../core/reason.js';
import type { Workflow } from '../core/step.js';
import type { Asked, Engine } from './engine.js';
import { graphOf, type Node, type Selection } from './graph.js';
import { type Nearest, nearestRecord, PastRuns } from './nearest.js';
import { lookAround, type Seen, type Subject } from './situation.js';
import { identitiesAfter } from './upstream.js';
import { verdictOf } from './work.js';

export interface Planned {
  readonly node: Node;
  readonly subject: Subject;
  readonly seen: Seen;
  readonly verdict: Verdict;
  readonly nearest?: Nearest | undefined;
}

export interface PlanAsked extends Asked {
  readonly selection: Selection;
  readonly materialize: boolean;
}

/** What is remembered of a step that was judged: the rest is told and let go. */
interface Judged extends Pick<Verdict, 'action' | 'reason'> {
  readonly identities: Readonly<Record<string, Digest>>;
}

/** Looked at together: enough to share listings and to hide the network's delay, few enough to bound memory. */
const TOGETHER = 1000;
/** Of those all of whose places are on disks: a disk's delay is hidden by few. */
const TOGETHER_ON_DISK = 32;

/**
 * What would happen now: reads only. A step that reads what is still to be made is pending. `tell` is called for each
 * step and should keep little of it.
 */
export async function planWorkflow<T>(
  engine: Engine,
  workflow: Workflow,
  asked: PlanAsked,
  tell: (planned: Planned) => T,
): Promise<readonly T[]> {
  const nodes = graphOf(workflow, asked.selection);
  /** Besides those that are needed by themselves. */
  const needed = new Set<Node>();
  // A step whose outputs are gone is let go until somebody who reads them must run: then everything is judged once more.
  for (;;) {
    const planning = new Planning(engine, workflow, asked, needed, tell);
    const told = await planning.pass(nodes);
    const missed = nodes.filter(
      (node) =>
        planning.judged(node).reason === 'not-needed' &&
        node.followers.some((follower) => planning.judged(follower).action !== 'skip'),
    );
    if (missed.length === 0) return told;
    for (const node of missed) needed.add(node);
  }
}

class Planning<T> {
  readonly #engine: Engine;
  readonly #workflow: Workflow;
  readonly #asked: PlanAsked;
  readonly #needed: ReadonlySet<Node>;
  readonly #tell: (planned: Planned) => T;
  readonly #judged = new Map<Node, Judged>();
  readonly #alike = new Map<string, Judged>();
  readonly #past: PastRuns;

  constructor(
    engine: Engine,
    workflow: Workflow,
    asked: PlanAsked,
    needed: ReadonlySet<Node>,
    tell: (planned: Planned) => T,
  ) {
    this.#engine = engine;
    this.#workflow = workflow;
    this.#asked = asked;
    this.#needed = needed;
    this.#tell = tell;
    this.#past = new PastRuns(engine, workflow.name);
  }

  judged(node: Node): Judged {
    return this.#judged.get(node)!;
  }

  /** One for all that are alike. */
  #unread(action: Judged['action'], reason: Judged['reason']): Judged {
    const name = `${action} ${reason}`;
    let judged = this.#alike.get(name);
    if (!judged) {
      judged = { action, reason, identities: {} };
      this.#alike.set(name, judged);
    }
    return judged;
  }

  /** Nodes come after what they read: those in a row that wait for none of each other are looked at together. */
  async pass(nodes: readonly Node[]): Promise<readonly T[]> {
    const chosen = new Set(nodes.map(({ instance }) => instance.step.name));
    const told: T[] = [];
    for (let at = 0; at < nodes.length; ) {
      const group: Node[] = [];
      let isFar = false;
      for (const node of nodes.slice(at, at + TOGETHER)) {
        isFar ||= !isOnDisk(this.#engine, node);
        if (group.length >= TOGETHER_ON_DISK && !isFar) break;
        if (node.after.some((before) => !this.#judged.has(before))) break;
        group.push(node);
      }
      told.push(...(await Promise.all(group.map((node) => this.#judge(node, chosen)))));
      at += group.length;
    }
    return told;
  }

  async #judge(node: Node, chosen: ReadonlySet<string>): Promise<T> {
    const { after, consumes, instance } = node;
    const open = new Set(
      after.filter((before) => this.judged(before).action !== 'skip').map((before) => before.instance.step.name),
    );
    const inside = new Set(after.map((before) => before.instance.step.name));
    const ended = { has: (step: string) => (inside.has(step) ? !open.has(step) : !chosen.has(step)) };
    const identities = new Map<string, Digest>();
    for (const before of consumes)
      for (const [output, identity] of Object.entries(this.judged(before).identities))
        identities.set(`${before.instance.name}.${output}`, identity);
    const subject: Subject = { workflow: this.#workflow, instance, upstream: { ended, identities } };
    const own = { ...this.#asked, force: this.#asked.force && (!this.#asked.selection.named || node.named) };
    const seen = await lookAround(this.#engine, subject, own);
    const verdict = verdictOf(this.#engine, subject, seen, {
      ...own,
      needed: own.materialize || node.named || node.followers.length === 0 || this.#needed.has(node),
      lease: seen.heldBy ? 'held' : 'free',
    });
    const { action, reason } = verdict;
    this.#judged.set(
      node,
      node.isRead && action === 'skip'
        ? {
            action,
            reason,
            identities: await identitiesAfter(this.#engine, subject, seen, { status: 'avoided', verdict }),
          }
        : this.#unread(action, reason),
    );
    const nearest =
      verdict.action === 'skip' ? undefined : await nearestRecord(this.#engine, subject, seen, this.#past);
    return this.#tell({ node, subject, seen, verdict, nearest });
  }
}

function isOnDisk(engine: Engine, { instance }: Node): boolean {
  const { inputs, outputs, when } = instance.resolved;
  const paths = [...inputs.paths, ...outputs.flatMap(({ path }) => path ?? [])];
  const isNear = engine.cache.store.traits.kind === 'file' && when === undefined;
  return isNear && paths.every((path) => parseLocation(path).kind === 'file');
}

import type { Digest } from '../core/brand.js';
import type { Verdict } from '../core/reason.js';
import type { Workflow } from '../core/step.js';
import { Turns } from '../look/turns.js';
import type { Asked, Engine } from './engine.js';
import { graphOf, type Node, type Selection } from './graph.js';
import { type Nearest, nearestRecord } from './nearest.js';
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

/** What would happen now: reads only. A step that reads what is still to be made is pending. */
export async function planWorkflow(engine: Engine, workflow: Workflow, asked: PlanAsked): Promise<readonly Planned[]> {
  const nodes = graphOf(workflow, asked.selection);
  const needed = new Set(nodes.filter((node) => asked.materialize || node.named || node.followers.length === 0));
  // A step whose outputs are gone is let go until somebody who reads them must run: then everything is judged once more.
  for (;;) {
    const planned = await pass(engine, workflow, asked, nodes, needed);
    const busy = new Set(planned.filter(({ verdict }) => verdict.action !== 'skip').map(({ node }) => node));
    const missed = planned.filter(
      ({ node, verdict }) => verdict.reason === 'not-needed' && node.followers.some((follower) => busy.has(follower)),
    );
    if (missed.length === 0) return withNearest(engine, planned);
    for (const { node } of missed) needed.add(node);
  }
}

/** Steps looked at together: what they ask of one store can then be answered together. Few enough to bound memory. */
const AT_ONCE = 1000;

async function pass(
  engine: Engine,
  workflow: Workflow,
  asked: PlanAsked,
  nodes: readonly Node[],
  needed: ReadonlySet<Node>,
): Promise<readonly Planned[]> {
  const planned = new Map<Node, Planned>();
  const underWay = new Map<Node, Promise<unknown>>();
  const turns = new Turns(AT_ONCE);
  const chosen = new Set(nodes.map(({ instance }) => instance.step.name));
  let trouble: { readonly error: unknown } | undefined;
  for (const node of nodes) {
    // In the order of the nodes, so what a step waits for has had its turn.
    const leave = await turns.take();
    if (trouble) break;
    const looking = Promise.all(node.after.map((before) => underWay.get(before)))
      .then(async () => {
        if (!trouble) planned.set(node, await planOne(node));
      })
      .catch((error: unknown) => {
        trouble ??= { error };
      })
      .finally(() => {
        underWay.delete(node);
        leave();
      });
    underWay.set(node, looking);
  }
  await Promise.all(underWay.values());
  if (trouble) throw trouble.error;
  return nodes.map((node) => planned.get(node)!);

  async function planOne(node: Node): Promise<Planned> {
    const { after, consumes, instance } = node;
    const open = new Set(
      after
        .filter((before) => planned.get(before)!.verdict.action !== 'skip')
        .map((before) => before.instance.step.name),
    );
    const inside = new Set(after.map((before) => before.instance.step.name));
    const ended = { has: (step: string) => (inside.has(step) ? !open.has(step) : !chosen.has(step)) };
    const identities = new Map<string, Digest>();
    for (const before of consumes) {
      const { subject, seen, verdict } = planned.get(before)!;
      if (verdict.action !== 'skip') continue;
      const found = await identitiesAfter(engine, subject, seen, { status: 'avoided', verdict });
      for (const [output, identity] of Object.entries(found))
        identities.set(`${before.instance.name}.${output}`, identity);
    }
    const subject: Subject = { workflow, instance, upstream: { ended, identities } };
    const own = { ...asked, force: asked.force && (!asked.selection.named || node.named) };
    const seen = await lookAround(engine, subject, own);
    const verdict = verdictOf(engine, subject, seen, {
      ...own,
      needed: needed.has(node),
      lease: seen.heldBy ? 'held' : 'free',
    });
    return { node, subject, seen, verdict };
  }
}

async function withNearest(engine: Engine, planned: readonly Planned[]): Promise<readonly Planned[]> {
  const found: Planned[] = [];
  for (const one of planned)
    found.push(
      one.verdict.action === 'skip' ? one : { ...one, nearest: await nearestRecord(engine, one.subject, one.seen) },
    );
  return found;
}

import type { Digest } from '../core/brand.js';
import type { Verdict } from '../core/reason.js';
import type { Workflow } from '../core/step.js';
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

async function pass(
  engine: Engine,
  workflow: Workflow,
  asked: PlanAsked,
  nodes: readonly Node[],
  needed: ReadonlySet<Node>,
): Promise<readonly Planned[]> {
  const planned = new Map<Node, Planned>();
  const chosen = new Set(nodes.map(({ instance }) => instance.step.name));
  for (const node of nodes) {
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
    planned.set(node, { node, subject, seen, verdict });
  }
  return [...planned.values()];
}

async function withNearest(engine: Engine, planned: readonly Planned[]): Promise<readonly Planned[]> {
  const found: Planned[] = [];
  for (const one of planned)
    found.push(
      one.verdict.action === 'skip' ? one : { ...one, nearest: await nearestRecord(engine, one.subject, one.seen) },
    );
  return found;
}

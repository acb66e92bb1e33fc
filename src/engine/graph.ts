import { ConfigError } from '../core/error.js';
import { instancesOf, type StepInstance } from '../core/resolve.js';
import type { Workflow } from '../core/step.js';
import { readsFrom } from '../look/reads-from.js';

export interface Node {
  readonly instance: StepInstance;
  /** Everything that ends before it. */
  readonly after: readonly Node[];
  /** Of those, the ones whose outputs enter its key. */
  readonly consumes: readonly Node[];
  readonly followers: Node[];
  /** Named by the user, or selected because nothing was named and it is the whole workflow that is wanted. */
  readonly named: boolean;
}

export interface Selection {
  /** Instances that are asked for; all, where none is named. */
  readonly chosen: readonly StepInstance[];
  readonly named: boolean;
  /** Without what they need. */
  readonly only: boolean;
}

/** The instances that take part, each after what it reads. Every node stands after those it waits for. */
export function graphOf(workflow: Workflow, { chosen, named, only }: Selection): readonly Node[] {
  const steps = new Map(workflow.steps.map((step) => [step.name, step]));
  const expanded = new Map<string, readonly StepInstance[]>();
  const known = new Map<string, StepInstance>();
  const canonical = (instance: StepInstance) => {
    const same = known.get(instance.name);
    if (same) return same;
    known.set(instance.name, instance);
    return instance;
  };
  const all = (name: string): readonly StepInstance[] => {
    let found = expanded.get(name);
    if (!found) {
      found = [...instancesOf(workflow, steps.get(name)!)].map(canonical);
      expanded.set(name, found);
    }
    return found;
  };
  const wanted = new Map(chosen.map(canonical).map((instance) => [instance.name, instance]));
  const links = new Map<string, { after: Set<StepInstance>; consumes: Set<StepInstance> }>();
  const queue = [...wanted.values()];
  for (let at = 0; at < queue.length; at++) {
    const instance = queue[at]!;
    const after = new Set<StepInstance>();
    const consumes = new Set<StepInstance>();
    for (const { step, item, order } of instance.resolved.needs) {
      const needed = item === undefined ? all(step) : all(step).filter(({ name }) => name === `${step}[${item}]`);
      for (const one of needed) {
        after.add(one);
        if (!order) consumes.add(one);
      }
    }
    for (const step of readsFrom(workflow, instance))
      if (!instance.resolved.needs.some((need) => need.step === step)) for (const one of all(step)) after.add(one);
    links.set(instance.name, { after, consumes });
    if (only) continue;
    for (const one of after) {
      if (wanted.has(one.name)) continue;
      wanted.set(one.name, one);
      queue.push(one);
    }
  }
  return inOrder(wanted, links, new Set(named ? chosen.map(({ name }) => name) : []));
}

type Links = ReadonlyMap<
  string,
  { readonly after: ReadonlySet<StepInstance>; readonly consumes: ReadonlySet<StepInstance> }
>;

/** Kahn's algorithm: no recursion, so a chain of a hundred thousand is no deeper than one of two. */
function inOrder(wanted: ReadonlyMap<string, StepInstance>, links: Links, named: ReadonlySet<string>): readonly Node[] {
  const waits = new Map<string, number>();
  const followers = new Map<string, string[]>();
  for (const name of wanted.keys()) {
    const inside = [...links.get(name)!.after].filter((one) => wanted.has(one.name));
    waits.set(name, inside.length);
    for (const one of inside) followers.set(one.name, [...(followers.get(one.name) ?? []), name]);
  }
  const ready = [...wanted.keys()].filter((name) => waits.get(name) === 0);
  const nodes = new Map<string, Node>();
  for (let at = 0; at < ready.length; at++) {
    const name = ready[at]!;
    const { after, consumes } = links.get(name)!;
    const inside = (set: ReadonlySet<StepInstance>) => [...set].flatMap((one) => nodes.get(one.name) ?? []);
    const node: Node = {
      instance: wanted.get(name)!,
      after: inside(after),
      consumes: inside(consumes),
      followers: [],
      named: named.has(name),
    };
    nodes.set(name, node);
    for (const before of node.after) before.followers.push(node);
    for (const follower of followers.get(name) ?? []) {
      const left = waits.get(follower)! - 1;
      waits.set(follower, left);
      if (left === 0) ready.push(follower);
    }
  }
  if (nodes.size < wanted.size) {
    const stuck = [...wanted.keys()].filter((name) => !nodes.has(name)).slice(0, 5);
    throw new ConfigError(
      'config/cycle',
      `each of these steps reads, directly or not, what another makes: ${stuck.join(', ')}`,
      {
        hint: "an input at or under another step's output is a need as well",
      },
    );
  }
  return [...nodes.values()];
}

import { ConfigError } from '../core/error.js';
import { instancesOf, type StepInstance } from '../core/resolve.js';
import type { Step, Workflow } from '../core/step.js';
import { placeholders } from '../core/template.js';
import { readsFrom } from '../look/reads-from.js';

export interface Node {
  readonly instance: StepInstance;
  /** Everything that ends before it. */
  readonly after: readonly Node[];
  /** Of those, the ones whose outputs enter its key. */
  readonly consumes: readonly Node[];
  readonly followers: readonly Node[];
  /** Its outputs enter a follower's key. */
  readonly isRead: boolean;
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
  const links = new Links(workflow);
  const wanted: Vertex[] = [];
  const want = (vertex: Vertex) => {
    if (vertex.isWanted) return;
    vertex.isWanted = true;
    wanted.push(vertex);
  };
  for (const instance of chosen) {
    const vertex = links.vertexOf(instance);
    vertex.named = named;
    want(vertex);
  }
  for (let at = 0; at < wanted.length; at++) {
    links.link(wanted[at]!);
    if (!only) for (const before of wanted[at]!.after) want(before);
  }
  if (only) for (const vertex of wanted) vertex.leaveOut();
  return inOrder(wanted);
}

/** A list that nothing was put into yet: of a hundred thousand steps most have no followers, or read nothing. */
const NONE: readonly Vertex[] = [];

class Vertex implements Node {
  readonly instance: StepInstance;
  after = NONE;
  consumes = NONE;
  followers = NONE as Vertex[];
  isRead = false;
  named = false;
  isWanted = false;
  /** How many of `after` are still to come. */
  waits = 0;

  constructor(instance: StepInstance) {
    this.instance = instance;
  }

  leaveOut(): void {
    const wanted = ({ isWanted }: Vertex) => isWanted;
    if (this.after.every(wanted)) return;
    this.after = this.after.filter(wanted);
    this.consumes = this.consumes.filter(wanted);
  }

  follow(follower: Vertex): void {
    if (this.followers === NONE) this.followers = [];
    this.followers.push(follower);
  }
}

interface Before {
  readonly after: readonly Vertex[];
  readonly consumes: readonly Vertex[];
}

class Links {
  readonly #workflow: Workflow;
  readonly #steps: ReadonlyMap<string, Step>;
  readonly #vertices = new Map<string, Vertex>();
  readonly #expanded = new Map<string, readonly Vertex[]>();
  /** Of steps all of whose items read the same: one list for all of them. */
  readonly #shared = new Map<Step, Before | undefined>();

  constructor(workflow: Workflow) {
    this.#workflow = workflow;
    this.#steps = new Map(workflow.steps.map((step) => [step.name, step]));
  }

  vertexOf(instance: StepInstance): Vertex {
    let vertex = this.#vertices.get(instance.name);
    if (!vertex) {
      vertex = new Vertex(instance);
      this.#vertices.set(instance.name, vertex);
    }
    return vertex;
  }

  link(vertex: Vertex): void {
    const { step } = vertex.instance;
    let before = this.#shared.get(step);
    if (!before) {
      before = this.#before(vertex.instance);
      this.#shared.set(step, differsByItem(step) ? undefined : before);
    }
    vertex.after = before.after;
    vertex.consumes = before.consumes;
  }

  #before(instance: StepInstance): Before {
    const { needs } = instance.resolved;
    const after: (readonly Vertex[])[] = [];
    const consumes: (readonly Vertex[])[] = [];
    for (const { step, item, order } of needs) {
      const needed = item === undefined ? this.#all(step) : this.#one(step, item);
      after.push(needed);
      if (!order) consumes.push(needed);
    }
    for (const step of readsFrom(this.#workflow, instance))
      if (!needs.some((need) => need.step === step)) after.push(this.#all(step));
    return { after: union(after), consumes: union(consumes) };
  }

  #all(name: string): readonly Vertex[] {
    let found = this.#expanded.get(name);
    if (!found) {
      found = Array.from(instancesOf(this.#workflow, this.#steps.get(name)!), (one) => this.vertexOf(one));
      this.#expanded.set(name, found);
    }
    return found;
  }

  #one(step: string, item: string): readonly Vertex[] {
    this.#all(step);
    const found = this.#vertices.get(`${step}[${item}]`);
    return found ? [found] : NONE;
  }
}

/** Do its items read from different places, or need different items? */
function differsByItem({ needs, inputs }: Step): boolean {
  const texts = [...needs.flatMap(({ item }) => item ?? []), ...inputs.files, ...inputs.paths];
  return texts.some((text) => placeholders(text).some(({ source }) => source === 'each'));
}

function union(lists: readonly (readonly Vertex[])[]): readonly Vertex[] {
  const [first = NONE, ...rest] = lists.filter(({ length }) => length > 0);
  return rest.length === 0 ? first : [...new Set([...first, ...rest.flat()])];
}

/** Kahn's algorithm: no recursion, so a chain of a hundred thousand is no deeper than one of two. */
function inOrder(wanted: readonly Vertex[]): readonly Node[] {
  for (const vertex of wanted) {
    vertex.waits = vertex.after.length;
    for (const before of vertex.after) before.follow(vertex);
    for (const before of vertex.consumes) before.isRead = true;
  }
  const ready = wanted.filter(({ waits }) => waits === 0);
  for (let at = 0; at < ready.length; at++)
    for (const follower of ready[at]!.followers) if (--follower.waits === 0) ready.push(follower);
  if (ready.length === wanted.length || __SABOTAGE__ === 'circle-left-out') return ready;
  throw new ConfigError(
    'config/cycle',
    `each of these steps reads, directly or not, what another makes: ${cycleIn(wanted).join(' -> ')}`,
    { hint: "an input at or under another step's output is a need as well" },
  );
}

const SHOWN = 12;

/** Whoever still waits, waits for one who does: back and back, until somebody comes up again. Told in the order of work. */
function cycleIn(wanted: readonly Vertex[]): readonly string[] {
  const path: Vertex[] = [];
  const passed = new Map<Vertex, number>();
  let vertex = wanted.find(({ waits }) => waits > 0)!;
  for (; !passed.has(vertex); vertex = vertex.after.find(({ waits }) => waits > 0)!)
    passed.set(vertex, path.push(vertex) - 1);
  const circle = path.slice(passed.get(vertex)!).reverse();
  const names = [...circle, circle[0]!].map(({ instance }) => instance.name);
  const more = names.length - SHOWN;
  return more > 0 ? [...names.slice(0, SHOWN - 2), `(${more} more)`, ...names.slice(-2)] : names;
}

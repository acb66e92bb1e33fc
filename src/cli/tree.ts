import { durationText } from '../core/duration-text.js';
import type { Event, Outcome } from '../engine/events.js';
import { type Paint, printable } from './terminal.js';

/** A step of the workflow and the instances of it that take part; `below`: the step under which it is drawn. */
export interface Branch {
  readonly step: string;
  readonly below?: string | undefined;
  readonly instances: readonly string[];
}

type State = 'to come' | 'waiting' | 'running' | Outcome['status'];

interface Leaf {
  state: State;
  since: number;
  said: string;
}

const SIGN: Record<State, readonly [glyph: string, plain: string, colour: keyof Paint]> = {
  'to come': ['·', '.', 'dim'],
  waiting: ['◦', 'o', 'warn'],
  running: ['▸', '>', 'bold'],
  avoided: ['✓', '=', 'good'],
  ran: ['●', '*', 'good'],
  failed: ['✗', 'x', 'bad'],
  refused: ['!', '!', 'bad'],
  'not-begun': ['-', '-', 'dim'],
};
/** Told one by one below their step; of the others the number is enough. */
const NOTABLE: readonly State[] = ['failed', 'refused', 'waiting', 'running'];
const ITEMS_SHOWN = 6;

/** What a run looks like at a moment: a line for each step, below the step it needs first, and for items that matter. */
export class Tree {
  readonly #branches: readonly (Branch & { readonly depth: number })[];
  readonly #leaves = new Map<string, Leaf>();
  readonly #paint: Paint;
  readonly #sign: 0 | 1;

  constructor(branches: readonly Branch[], paint: Paint, unicode = true) {
    this.#branches = nested(branches);
    this.#paint = paint;
    this.#sign = unicode ? 0 : 1;
    for (const { instances } of branches)
      for (const name of instances) this.#leaves.set(name, { state: 'to come', since: 0, said: '' });
  }

  see(event: Event, now: number): void {
    if (!('step' in event)) return;
    const leaf = this.#leaves.get(event.step);
    if (!leaf) return;
    const become = (state: State, said: string) => Object.assign(leaf, { state, said, since: now });
    switch (event.type) {
      case 'step-waiting':
        become('waiting', `waits for ${event.for}`);
        break;
      case 'step-begun':
        become('running', event.try > 1 ? `try ${event.try}` : '');
        break;
      case 'step-ended':
        become(event.outcome.status, endOf(event.outcome));
        break;
      case 'step-decided':
      case 'step-warned':
        break;
      default:
        event satisfies never;
    }
  }

  /** At most so many lines; what does not fit is the least notable, and is counted. */
  lines(now: number, room = Number.POSITIVE_INFINITY): readonly string[] {
    const blocks = this.#branches.map((branch) => this.#block(branch, now));
    let height = blocks.reduce((sum, { lines }) => sum + lines.length, 0);
    if (height <= room) return blocks.flatMap(({ lines }) => lines);
    const left = new Set(blocks);
    const hidden = new Map<State, number>();
    for (const block of [...blocks].sort((a, b) => a.rank - b.rank)) {
      // What goes wrong or goes on is cut at the edge before it is left out.
      if (height <= room - 1 || block.rank === NOTABLE_RANK) break;
      left.delete(block);
      height -= block.lines.length;
      for (const [state, count] of block.states) hidden.set(state, (hidden.get(state) ?? 0) + count);
    }
    const lines = blocks.flatMap((block) => (left.has(block) ? block.lines : [])).slice(0, room - 1);
    return [...lines, this.#paint.dim(`and ${counted(hidden)}`)];
  }

  #block({ step, depth, instances }: Branch & { readonly depth: number }, now: number) {
    const states = new Map<State, number>();
    for (const name of instances) {
      const { state } = this.#leaves.get(name)!;
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    const state = overall(states);
    const indent = '  '.repeat(depth);
    const [only] = instances;
    if (instances.length === 1 && only === step)
      return { states, rank: rankOf(state), lines: [indent + this.#line(step, this.#leaves.get(step)!, now)] };
    const notable = instances.filter((name) => NOTABLE.includes(this.#leaves.get(name)!.state));
    const shown = notable
      .sort((a, b) => NOTABLE.indexOf(this.#leaves.get(a)!.state) - NOTABLE.indexOf(this.#leaves.get(b)!.state))
      .slice(0, ITEMS_SHOWN);
    const lines = [
      `${indent}${this.#signOf(state)} ${printable(step)}  ${this.#paint.dim(counted(states))}`,
      ...shown.map((name) => `${indent}  ${this.#line(name, this.#leaves.get(name)!, now)}`),
      ...(notable.length > shown.length
        ? [`${indent}  ${this.#paint.dim(`and ${notable.length - shown.length} more`)}`]
        : []),
    ];
    return { states, rank: rankOf(state), lines };
  }

  #line(name: string, { state, said, since }: Leaf, now: number): string {
    const running = state === 'running' || state === 'waiting' ? durationText(Math.max(0, now - since)) : '';
    const words = [running, printable(said)].filter((text) => text !== '').join('  ');
    return `${this.#signOf(state)} ${printable(name)}${words === '' ? '' : `  ${this.#paint.dim(words)}`}`;
  }

  #signOf(state: State): string {
    return this.#paint[SIGN[state][2]](SIGN[state][this.#sign]);
  }
}

function endOf(outcome: Outcome): string {
  switch (outcome.status) {
    case 'avoided':
    case 'refused':
      return outcome.verdict.reason;
    case 'ran': {
      const { recorded, durationMs } = outcome;
      return `${durationText(durationMs)}${'attempt' in recorded ? '' : `, not recorded: ${recorded.not}`}`;
    }
    case 'failed':
      return `${durationText(outcome.durationMs)}, ${outcome.why}`;
    case 'not-begun':
      return outcome.why;
    default:
      return outcome satisfies never;
  }
}

/** Each step below the one it names, in the order given. */
function nested(branches: readonly Branch[]): readonly (Branch & { readonly depth: number })[] {
  const names = new Set(branches.map(({ step }) => step));
  const below = new Map<string | undefined, Branch[]>();
  for (const branch of branches) {
    const parent = branch.below !== undefined && names.has(branch.below) ? branch.below : undefined;
    below.set(parent, [...(below.get(parent) ?? []), branch]);
  }
  const found: (Branch & { readonly depth: number })[] = [];
  // Not by recursion: a chain may be a hundred thousand deep.
  const stack = (below.get(undefined) ?? []).map((branch) => ({ ...branch, depth: 0 })).reverse();
  for (let branch = stack.pop(); branch; branch = stack.pop()) {
    found.push(branch);
    const { depth } = branch;
    for (const child of [...(below.get(branch.step) ?? [])].reverse())
      stack.push({ ...child, depth: Math.min(DEEPEST, depth + 1) });
  }
  return found;
}

const DEEPEST = 12;

const ORDER: readonly State[] = ['failed', 'refused', 'running', 'waiting', 'to come', 'not-begun', 'ran', 'avoided'];

function overall(states: ReadonlyMap<State, number>): State {
  return ORDER.find((state) => states.has(state)) ?? 'to come';
}

const NOTABLE_RANK = 3;

/** The higher, the longer it stays on a screen that is too small. */
function rankOf(state: State): number {
  return state === 'to come'
    ? 0
    : state === 'avoided'
      ? 1
      : state === 'ran' || state === 'not-begun'
        ? 2
        : NOTABLE_RANK;
}

function counted(states: ReadonlyMap<State, number>): string {
  return ORDER.flatMap((state) => (states.has(state) ? [`${states.get(state)} ${state}`] : [])).join(', ');
}

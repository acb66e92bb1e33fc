import { compareUtf8 } from '../core/utf8.js';
import { monotonic } from '../store/monotonic.js';
import type { Store } from '../store/store.js';
import { Turns } from '../store/turns.js';
import { commonPrefix, PAGE, scan, weightOf } from './scan.js';
import type { Want } from './wants.js';

/** What was decided about some of the questions to one store, for people: `check -v`. */
export interface Decided {
  readonly store: string;
  /** What the names have in common. */
  readonly below: string;
  readonly how: 'LIST' | 'HEAD';
  readonly names: number;
  readonly trees: number;
  readonly pages: number;
  readonly why: string;
}

/** A full page costs a server about as much as so many HEADs under way together: measured, `npm run bench`. */
const BREAK_EVEN = 32;
/** What is measured as we go may move it this far. */
const [LEAST, MOST] = [8, 128];
/** Questions under way at once that are no part of a listing. */
const WIDTH = 64;
/** Listings that may turn out to be useless, and one more for so many questions. */
const [SPARE, SPARE_PER] = [1, 512];
/** Listings more than full pages would need, for doing several at once. */
const EXTRA = 2;
/** Listings under way at once, and how many pages each of them should fill where trees are asked for. */
const [SIDE_BY_SIDE, PAGES_OF_TREES] = [16, 8];

const SIDE = 'they fill pages, which are listed side by side';

export interface PlannerOptions {
  readonly tell?: ((decided: Decided) => void) | undefined;
  /** For tests: what is usual shows nothing below some thousand objects. */
  readonly page?: number | undefined;
  readonly breakEven?: number | undefined;
}

/** Answers many questions to one store with few requests. What a page costs there is learnt on the way. */
export class Planner {
  readonly #store: Store;
  readonly #options: PlannerOptions;
  readonly #turns = new Turns(WIDTH);
  #pageMs: number | undefined;
  #headsPerMs: number | undefined;
  #isHopeless = false;

  constructor(store: Store, options: PlannerOptions = {}) {
    this.#store = store;
    this.#options = options;
  }

  async answer(wants: readonly Want[]): Promise<void> {
    const all = [...wants].sort((a, b) => compareUtf8(a.at, b.at));
    const sorted = this.#mayHope(all) ? await this.#hopefully(all) : all;
    if (sorted.length === 0) return;
    const parts = inParts(sorted, { ordered: this.#store.traits.orderedList, page: this.#options.page });
    const spare = { left: parts.length + SPARE + Math.floor(wants.length / SPARE_PER) };
    await Promise.all(parts.map((part) => this.#settle(part, spare)));
  }

  /** How many HEADs a page must save. */
  get #need(): number {
    const { breakEven } = this.#options;
    if (breakEven !== undefined) return breakEven;
    if (this.#pageMs === undefined || this.#headsPerMs === undefined) return BREAK_EVEN;
    return Math.min(MOST, Math.max(LEAST, Math.round(this.#pageMs * this.#headsPerMs)));
  }

  /** A server that promises no order mostly keeps one: then what fills pages can be listed side by side. */
  #mayHope(wants: readonly Want[]): boolean {
    const { orderedList } = this.#store.traits;
    const fills = wants.length > (this.#options.page ?? PAGE);
    return !orderedList && !this.#isHopeless && fills && wants.every(({ kind }) => kind === 'name');
  }

  /** What is left: nothing was shown of it, and that proves nothing. */
  async #hopefully(wants: readonly Want[]): Promise<readonly Want[]> {
    const { page = PAGE } = this.#options;
    const scans = cutEvery(wantsOfPart(wants, page), wants).map(async (part) => {
      const { pages, left } = await scan(this.#store, part, {
        need: this.#need,
        hopeful: true,
        page,
        onPage: (ms) => this.#paged(ms),
      });
      const answered = without(part, left);
      if (answered.length > 0) this.#told(answered, { how: 'LIST', pages, below: commonPrefix(part), why: SIDE });
      return left;
    });
    const left = (await Promise.all(scans)).flat().sort((a, b) => compareUtf8(a.at, b.at));
    this.#isHopeless ||= left.length > wants.length / 2;
    return left;
  }

  #paged(ms: number): void {
    this.#pageMs = average(this.#pageMs, ms);
  }

  async #settle(wants: readonly Want[], spare: { left: number }): Promise<void> {
    const need = this.#need;
    const weight = wants.reduce((sum, want) => sum + weightOf(want), 0);
    const same = wants.length > 1 && wants.at(-1)!.at === wants[0]!.at;
    if (!same && weight < need) return this.#oneByOne(wants, `worth ${weight} HEADs, and a page costs about ${need}`);
    if (spare.left <= 0) return this.#oneByOne(wants, 'listings before this one gave too little');
    // Paid beforehand: others are begun while this one is under way.
    spare.left -= 1;
    const { pages, left, gaveUp } = await scan(this.#store, wants, {
      need,
      page: this.#options.page,
      onPage: (ms) => this.#paged(ms),
    });
    const answered = without(wants, left);
    if (answered.length > 0 || gaveUp === undefined)
      this.#told(answered, {
        how: 'LIST',
        pages,
        below: commonPrefix(wants),
        why: `worth ${weight} HEADs, and a page costs about ${need}`,
      });
    if (gaveUp === undefined) {
      spare.left += 1;
      return;
    }
    if (gaveUp === 'refused')
      return this.#oneByOne(left, 'a listing of what they have in common was refused or broke off');
    const parts = byNextCharacter(left);
    if (parts.length < 2) return this.#oneByOne(left, 'a page of a listing gave too little');
    await Promise.all(parts.map((part) => this.#settle(part, spare)));
  }

  async #oneByOne(wants: readonly Want[], why: string): Promise<void> {
    this.#told(wants, { how: 'HEAD', pages: 0, below: commonPrefix(wants), why });
    const begun = monotonic();
    const names = wants.filter(({ kind }) => kind === 'name').length;
    await Promise.all(wants.map((want) => this.#turns.hold(() => want.alone())));
    if (names === wants.length && names >= WIDTH)
      this.#headsPerMs = average(this.#headsPerMs, names / Math.max(0.1, monotonic() - begun));
  }

  #told(wants: readonly Want[], about: Pick<Decided, 'how' | 'pages' | 'below' | 'why'>): void {
    const names = wants.filter(({ kind }) => kind === 'name').length;
    this.#options.tell?.({ store: this.#store.name, names, trees: wants.length - names, ...about });
  }
}

function without(wants: readonly Want[], left: readonly Want[]): readonly Want[] {
  const rest = new Set(left);
  return wants.filter((want) => !rest.has(want));
}

function average(known: number | undefined, now: number): number {
  return known === undefined ? now : known * 0.7 + now * 0.3;
}

/** By what follows what all of them begin with: nothing, or one character and the next. */
function byNextCharacter(wants: readonly Want[]): readonly (readonly Want[])[] {
  const { length } = commonPrefix(wants);
  const parts = new Map<string, Want[]>();
  for (const want of wants) {
    const [next = ''] = want.at.slice(length);
    const part = parts.get(next);
    if (part) part.push(want);
    else parts.set(next, [want]);
  }
  return [...parts.values()];
}

/** Listed side by side, as far as it costs next to no more requests than one after the other. */
function inParts(sorted: readonly Want[], { ordered, page = PAGE }: PartsOptions): readonly (readonly Want[])[] {
  return ordered ? cutEvery(wantsOfPart(sorted, page), sorted) : byPrefix(sorted, page);
}

interface PartsOptions {
  readonly ordered: boolean;
  readonly page?: number | undefined;
}

/**
 * Names that lie close together fill their pages, and a page of each part ends where the next part begins. How much lies
 * in a tree nobody knows, and the last page of each part is half wasted: those are parts of many pages.
 */
function wantsOfPart(wants: readonly Want[], page: number): number {
  const pages = Math.ceil(wants.length / page);
  const least = wants.every(({ kind }) => kind === 'name') ? 1 : PAGES_OF_TREES;
  return page * Math.max(least, Math.ceil(pages / SIDE_BY_SIDE));
}

/** A listing can begin anywhere: so many to a part, and never within a tree that is asked for as a whole. */
function cutEvery(count: number, sorted: readonly Want[]): readonly (readonly Want[])[] {
  const parts: Want[][] = [];
  let tree: string | undefined;
  for (const want of sorted) {
    const within = tree !== undefined && want.at.startsWith(tree);
    const part = parts.at(-1);
    if (part && (within || part.length < count)) part.push(want);
    else parts.push([want]);
    if (want.kind === 'range' && !within) tree = want.at;
  }
  return parts;
}

/** Where only a prefix says what a listing shows. */
function byPrefix(sorted: readonly Want[], page: number): readonly (readonly Want[])[] {
  const pages = (parts: readonly (readonly Want[])[]) =>
    parts.reduce((sum, part) => sum + Math.ceil(part.length / page), 0);
  let parts: readonly (readonly Want[])[] = [sorted];
  const most = pages(parts) + EXTRA;
  for (let i = 0; i < parts.length; ) {
    const finer = parts[i]!.length < 2 * page ? [] : byNextCharacter(parts[i]!);
    const all = [...parts.slice(0, i), ...finer, ...parts.slice(i + 1)];
    if (finer.length > 1 && pages(all) <= most) parts = all;
    else i += 1;
  }
  return parts;
}

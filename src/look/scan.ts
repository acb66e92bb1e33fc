import { setImmediate } from 'node:timers/promises';
import { compareUtf8 } from '../core/utf8.js';
import { monotonic } from '../store/monotonic.js';
import type { Head, Page, Store } from '../store/store.js';
import type { NameWant, RangeWant, Want } from './wants.js';

/** What a page holds at most, with every S3 server that keeps to the protocol. */
export const PAGE = 1000;

/** What a listing of its own would cost, in HEADs: S3 bills it as twelve, and it takes a server as long as eight and more. */
const LISTING = 8;

export function weightOf({ kind }: Want): number {
  return kind === 'name' ? 1 : LISTING;
}

export interface Scanned {
  readonly pages: number;
  /** Nothing is known of these yet: they must be asked for in another way. */
  readonly left: readonly Want[];
  /** Why it ended before all was answered. */
  readonly gaveUp?: 'too little' | 'refused' | 'unproven';
}

interface ScanOptions {
  /** How much a page must answer, in HEADs saved. */
  readonly need: number;
  readonly page?: number | undefined;
  /** The store promises no order, and probably keeps one: what its listing shows is there, what it skips is left. */
  readonly hopeful?: boolean | undefined;
  readonly onPage?: ((ms: number) => void) | undefined;
}

/**
 * Answers wants, which are sorted, out of one listing that all of them share. Where the store lists in order it begins
 * right before the first and skips what nobody asked for; elsewhere only the end of the listing proves an absence.
 * An absence is told when the whole scan went well, since an error may be a listing that broke its own order.
 */
export async function scan(
  store: Store,
  wants: readonly Want[],
  { need, page: size = PAGE, hopeful = false, onPage }: ScanOptions,
): Promise<Scanned> {
  const ordered = hopeful || store.traits.orderedList;
  const dealer = new Dealer(wants);
  const passed: Want[] = [];
  let left = wants;
  let pages = 0;
  try {
    while (left.length > 0) {
      const prefix = commonPrefix(left);
      const after = ordered ? before(left[0]!.at, prefix) : undefined;
      const heads = pagesOf(store, prefix, { size, after })[Symbol.asyncIterator]();
      try {
        for (;;) {
          const begun = monotonic();
          const first = left[0]!.at;
          const weight = weigh(left);
          dealer.turnPage();
          const page = await takePage(heads, dealer);
          pages += 1;
          onPage?.(monotonic() - begun);
          // Readers look at what they got; who does not ask for more by now is done, or goes on alone.
          if (dealer.ranges) await setImmediate();
          const open = left.filter((want) => !want.settled);
          for (const want of open) if (want.kind === 'range' && dealer.met(want) && !want.hungry) await want.alone();
          if (page.ended) {
            left = [];
            passed.push(...open.filter((want) => !want.settled));
            break;
          }
          const { last } = page;
          const over = ordered && last !== undefined ? open.filter((want) => isPassed(want, last)) : [];
          const gone = new Set(over);
          passed.push(...over);
          left = open.filter((want) => !gone.has(want) && !want.settled);
          if (left.length === 0) break;
          const gain = weight - weigh(left) + LISTING * left.filter((want) => dealer.isNew(want)).length;
          // A listing that is itself one of the questions is no waste.
          if (gain < need && !left.some((want) => want.kind === 'range' && want.at === prefix)) {
            if (hopeful) return { pages, left: [...passed, ...left], gaveUp: 'too little' };
            finish(passed);
            return { pages, left, gaveUp: 'too little' };
          }
          // One that fills pages goes on by itself, so that the others need not wait for it.
          const [next] = left;
          if (ordered && next!.at === first && next!.kind === 'range' && left.length > 1 && next!.at !== prefix) {
            void next!.alone();
            left = left.slice(1);
          }
          if (ordered && last !== undefined && compareUtf8(left[0]!.at, last) > 0) break;
        }
      } finally {
        await heads.return?.();
      }
    }
  } catch {
    // Whatever it is: asked one by one, each gets the error that is his.
    if (__SABOTAGE__ === 'unlisted-is-absent') finish(wants);
    return { pages, left: wants.filter((want) => !want.settled), gaveUp: 'refused' };
  }
  if (hopeful && passed.length > 0) return { pages, left: passed, gaveUp: 'unproven' };
  finish(passed);
  return { pages, left: [] };
}

/** A whole listing went by where they would have been. */
function finish(wants: readonly Want[]): void {
  for (const want of wants) {
    if (want.settled) continue;
    if (want.kind === 'name') want.absent();
    else want.end();
  }
}

/** True if no key after `last` can belong to it. */
function isPassed(want: Want, last: string): boolean {
  if (compareUtf8(want.at, last) > 0) return false;
  return want.kind === 'name' || !last.startsWith(want.at);
}

function weigh(wants: readonly Want[]): number {
  let sum = 0;
  for (const want of wants) if (!want.settled) sum += weightOf(want);
  return sum;
}

interface Taken {
  readonly last: string | undefined;
  readonly ended: boolean;
}

async function takePage(pages: AsyncIterator<Page>, dealer: Dealer): Promise<Taken> {
  const { done, value: page } = await pages.next();
  if (done) return { last: undefined, ended: true };
  for (const head of page.heads) dealer.deal(head);
  return { last: page.heads.at(-1)?.key, ended: !page.more };
}

/** As the store gives them; else cut into pieces, of which none is begun before it is wanted. */
function pagesOf(
  store: Store,
  prefix: string,
  { size, after }: { readonly size: number; readonly after: string | undefined },
): AsyncIterable<Page> {
  const options = after === undefined ? {} : { after };
  return store.abilities.pages?.pages(prefix, options) ?? inPieces(store.list(prefix, options), size);
}

async function* inPieces(list: AsyncIterable<Head>, size: number): AsyncGenerator<Page> {
  let heads: Head[] = [];
  for await (const head of list) {
    heads.push(head);
    if (heads.length < size) continue;
    yield { heads, more: true };
    heads = [];
  }
  yield { heads, more: false };
}

/** Who gets what a listing shows. */
class Dealer {
  readonly #names = new Map<string, (NameWant<Head> | NameWant<never>)[]>();
  readonly #ranges = new Map<string, RangeWant[]>();
  readonly #lengths: readonly number[];
  readonly #met = new Set<Want>();
  #new = new Set<Want>();
  #namesLeft = 0;

  constructor(wants: readonly Want[]) {
    for (const want of wants) {
      if (want.kind === 'range') push(this.#ranges, want.at, want);
      else {
        push(this.#names, want.at, want as NameWant<Head>);
        this.#namesLeft += 1;
      }
    }
    this.#lengths = [...new Set([...this.#ranges.keys()].map(({ length }) => length))];
  }

  get ranges(): boolean {
    return this.#ranges.size > 0;
  }

  /** Only names were asked for, and all of them were seen. */
  get isDone(): boolean {
    return this.#namesLeft === 0 && this.#ranges.size === 0;
  }

  turnPage(): void {
    this.#new = new Set();
  }

  /** Something was dealt to it. */
  met(want: Want): boolean {
    return this.#met.has(want);
  }

  /** This page was the first with something for it. */
  isNew(want: Want): boolean {
    return this.#new.has(want);
  }

  deal(head: Head): void {
    const names = this.#names.get(head.key);
    if (names !== undefined) {
      this.#names.delete(head.key);
      this.#namesLeft -= names.length;
      for (const name of names) name.found(head);
    }
    for (const length of this.#lengths) {
      if (length > head.key.length) continue;
      for (const range of this.#ranges.get(head.key.slice(0, length)) ?? []) {
        range.deal(head);
        if (this.#met.has(range)) continue;
        this.#met.add(range);
        this.#new.add(range);
      }
    }
  }
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const known = map.get(key);
  if (known) known.push(item);
  else map.set(key, [item]);
}

/** Sorted, so the first and the last have in common what all have. */
export function commonPrefix(wants: readonly Want[]): string {
  const a = wants[0]?.at ?? '';
  const b = wants.at(-1)?.at ?? '';
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  // Half a surrogate pair is no text.
  const cut = a.charCodeAt(length - 1);
  return a.slice(0, cut >= 0xd800 && cut <= 0xdbff ? length - 1 : length);
}

const HIGHEST = '\u{10ffff}';

/** A name right before `key`, after which a listing begins with it; undefined where the prefix says as much. */
function before(key: string, prefix: string): string | undefined {
  if (key === prefix) return undefined;
  const chars = [...key];
  const code = chars.pop()!.codePointAt(0)!;
  const stem = chars.join('');
  if (code === 0) return stem;
  const lower = code === 0xe000 ? 0xd7ff : code - 1;
  return `${stem}${String.fromCodePoint(lower)}${HIGHEST}`;
}

/**
 * No two runs write to one place, nor one inside another's. Few places are written out and looked up, which is exact and
 * linear; of many only the patterns are compared, and what cannot be told apart that way is tried up to a limit.
 */
import { countItems, countSeries, type Item, items } from '../core/series.js';
import { type Draft, type DraftStep, isAbsolute, sample, valuesOf } from './draft.js';
import { type Path, quote } from './issue.js';
import { canonicalPlace, meets, type PlacePattern, placeOf, placePattern, surelyApart } from './place-pattern.js';

interface Place {
  readonly order: number;
  readonly step: DraftStep;
  readonly kind: 'output' | 'marker';
  readonly name: string;
  readonly path: Path;
  readonly pattern: PlacePattern;
  readonly count: number;
}

export const OVERLAP_LIMITS = {
  /** Places of steps with items that are written out, all together. */
  written: 200_000,
  /** Pairs of patterns that are compared. */
  pairs: 1_000_000,
  /** Items that are tried where patterns do not settle it. */
  tried: 1_000_000,
} as const;

export function checkOverlap(draft: Draft): void {
  const all = collect(draft);
  checkCachePlace(all, draft);
  const places = all.filter((place) => reachesEveryItem(place, draft));
  const written: Place[] = [];
  const many: Place[] = [];
  let budget: number = OVERLAP_LIMITS.written;
  for (const place of places.toSorted((a, b) => a.count - b.count)) {
    // A single place costs no more than its text in the file.
    if (place.count === 1) written.push(place);
    else if (place.count <= budget) {
      budget -= place.count;
      written.push(place);
    } else many.push(place);
  }
  const reporter = new Overlaps(draft);
  compareWritten(
    written.sort((a, b) => a.order - b.order),
    reporter,
  );
  comparePatterns(many, places, reporter);
}

/** Outputs, and markers that do not lie in their own output's tree. */
function collect(draft: Draft): Place[] {
  const places: Place[] = [];
  const params = valuesOf(draft);
  for (const step of draft.steps) {
    const { forEach, outputs } = step.step;
    for (const [index, { name, path, marker }] of outputs.entries()) {
      const add = (kind: Place['kind'], text: string, at: Path) => {
        const pattern = placePattern(text, draft, params, forEach);
        if (pattern)
          places.push({ order: places.length, step, kind, name, path: at, pattern, count: countItems(forEach) });
      };
      if (path !== undefined) add('output', path, [...step.at, 'outputs', index, 'path']);
      if (marker !== undefined && isAbsolute(sample(marker, step, draft)))
        add('marker', marker, [...step.at, 'outputs', index, 'marker']);
    }
  }
  return places;
}

/** The cache is a tree of ours: what a run empties or fills must not be in it, on it or around it. */
function checkCachePlace(places: readonly Place[], draft: Draft): void {
  if (draft.cache === undefined) return;
  const cache = canonicalPlace(draft.cache, draft).replace(/\/$/, '');
  let budget: number = OVERLAP_LIMITS.written;
  for (const { kind, pattern, step, path, count } of places.toSorted((a, b) => a.count - b.count)) {
    // What is neither plain nor few enough to be written out is refused as unproven in any case.
    if (!pattern.plain) budget -= count;
    if (!pattern.plain && budget < 0) continue;
    const hit = pattern.plain
      ? meets(pattern, cache, true) || meets(pattern, cache, false)
      : anyItem(step, (item) => touches(placeOf(pattern, item), cache));
    if (hit)
      draft.issues.error('config/overlap', path, `the ${kind} meets the cache, ${quote(draft.cache)}`, {
        hint: 'give it a place beside the cache, or move the cache with cache: PLACE',
      });
  }
}

function anyItem({ step }: DraftStep, test: (item: Item) => boolean): boolean {
  for (const item of items(step.forEach)) if (test(item)) return true;
  return false;
}

function touches(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** A path without some hole is the same for all items of that name. */
function reachesEveryItem({ kind, step, pattern, path }: Place, { issues }: Draft): boolean {
  const forgotten = Object.entries(step.step.forEach).filter(
    ([name, series]) => !pattern.holes.has(name) && countSeries(series) > 1,
  );
  if (forgotten.length === 0) return true;
  const names = forgotten.map(([name]) => `{{each.${name}}}`).join(' and ');
  issues.error('config/overlap', path, `the ${kind} is one place for several items of ${quote(step.step.name)}`, {
    hint: `put ${names} into it`,
  });
  return false;
}

class Overlaps {
  readonly #draft: Draft;
  readonly #said = new Set<string>();

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** Nothing more would be listed. */
  get overflow(): boolean {
    if (this.#draft.issues.overflow) this.#draft.issues.stop();
    return this.#draft.issues.overflow;
  }

  overlap(a: Place, b: Place, how: 'same' | 'inside' | 'around'): void {
    if (this.#isNew(a, b)) return;
    const [first, second, relation] = a.order <= b.order ? [a, b, how] : [b, a, FLIPPED[how]];
    const where = {
      same: 'is also',
      inside: 'lies in',
      around: 'holds',
    }[relation];
    const owner =
      first === second
        ? 'itself for another item'
        : `the ${first.kind} ${first.kind === 'marker' ? 'of ' : ''}${quote(first.name)} of step ${quote(first.step.step.name)}`;
    this.#draft.issues.error('config/overlap', second.path, `the ${second.kind} ${where} ${owner}`, {
      hint: 'give every output a place of its own',
    });
  }

  unproven(a: Place, b: Place): void {
    if (this.#isNew(a, b)) return;
    const [first, second] = a.order <= b.order ? [a, b] : [b, a];
    const other =
      first === second ? 'itself for another item' : `${quote(first.name)} of step ${quote(first.step.step.name)}`;
    this.#draft.issues.error(
      'config/overlap-unproven',
      second.path,
      `with so many items nobody can show that the ${second.kind} never meets ${other}`,
      { hint: 'give it a folder of its own, and one placeholder per path segment' },
    );
  }

  #isNew(a: Place, b: Place): boolean {
    const pair = `${Math.min(a.order, b.order)} ${Math.max(a.order, b.order)}`;
    if (this.#said.has(pair)) return true;
    this.#said.add(pair);
    return false;
  }
}

const FLIPPED = { same: 'same', inside: 'around', around: 'inside' } as const;

interface Written {
  readonly place: Place;
  readonly item: number;
}

function compareWritten(places: readonly Place[], overlaps: Overlaps): void {
  const objects = new Map<string, Written>();
  const trees = new Map<string, Written>();
  const all: { readonly text: string; readonly written: Written }[] = [];
  for (const place of places) {
    let item = 0;
    if (overlaps.overflow) return;
    for (const values of items(place.step.step.forEach)) {
      const text = placeOf(place.pattern, values);
      const written = { place, item: item++ };
      // On a volume there is no second thing of that name, be it file or folder.
      const own = place.pattern.tree || !text.startsWith('s3:') ? trees : objects;
      const before = own.get(text);
      if (!before) own.set(text, written);
      else if (mayNotMeet(before, written)) overlaps.overlap(before.place, place, 'same');
      all.push({ text, written });
    }
  }
  for (const { text, written } of all) {
    if (overlaps.overflow) return;
    for (let slash = text.lastIndexOf('/'); slash > 0; slash = text.lastIndexOf('/', slash - 1)) {
      const around = trees.get(text.slice(0, slash));
      if (around && mayNotMeet(around, written)) overlaps.overlap(around.place, written.place, 'inside');
    }
  }
}

/** A marker may lie in an output of its own step, and several outputs of a step may share one: the same run writes them. */
function mayNotMeet(a: Written, b: Written): boolean {
  const sameRun = a.place.step === b.place.step && a.item === b.item;
  return !(sameRun && (a.place.kind === 'marker' || b.place.kind === 'marker'));
}

function comparePatterns(many: readonly Place[], places: readonly Place[], overlaps: Overlaps): void {
  let pairs = 0;
  let tried = 0;
  for (const [index, place] of many.entries()) {
    // With one hole a segment and no slash in any value, different items are different places.
    if (!place.pattern.plain) overlaps.unproven(place, place);
    const earlier = new Set(many.slice(0, index));
    for (const other of places) {
      if (other === place || earlier.has(other)) continue;
      if (place.step === other.step && (place.kind === 'marker' || other.kind === 'marker')) continue;
      if (++pairs > OVERLAP_LIMITS.pairs) return overlaps.unproven(place, other);
      if (!place.pattern.plain || !other.pattern.plain) {
        if (!firstSegmentsDiffer(place.pattern, other.pattern)) overlaps.unproven(place, other);
        continue;
      }
      if (surelyApart(place.pattern, other.pattern)) continue;
      tried += other.count;
      if (tried > OVERLAP_LIMITS.tried) overlaps.unproven(place, other);
      else if (someMeets(place.pattern, other)) overlaps.overlap(place, other, relation(place.pattern, other.pattern));
    }
  }
}

function relation(a: PlacePattern, b: PlacePattern): 'same' | 'inside' | 'around' {
  const longer = a.segments.length - b.segments.length;
  return longer === 0 ? 'same' : longer > 0 ? 'inside' : 'around';
}

function someMeets(pattern: PlacePattern, other: Place): boolean {
  for (const item of items(other.step.step.forEach))
    if (meets(pattern, placeOf(other.pattern, item), other.pattern.tree)) return true;
  return false;
}

/** Values with slashes blur only what comes after the first hole. */
function firstSegmentsDiffer(a: PlacePattern, b: PlacePattern): boolean {
  for (let index = 0; index < Math.min(a.segments.length, b.segments.length); index++) {
    const [left, right] = [a.segments[index]!, b.segments[index]!];
    if (left.length > 1 || right.length > 1) return false;
    if (left[0] !== right[0]) return true;
  }
  return false;
}

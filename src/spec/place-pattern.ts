/** A place with holes for items of `forEach`, cut into segments, so that two of them can be told apart without trying items. */
import { posix } from 'node:path';
import type { StoreSetting } from '../core/config.js';
import { type Item, seriesIndexOf } from '../core/series.js';
import type { Scalar, Series } from '../core/step.js';
import { parseTemplate } from '../core/template.js';

export interface PlacePattern {
  readonly segments: readonly Segment[];
  readonly tree: boolean;
  /** S3 keeps `x` and `x/y` apart; on a volume one excludes the other. */
  readonly flat: boolean;
  readonly forEach: Readonly<Record<string, Series>>;
  /** Names of the holes. */
  readonly holes: ReadonlySet<string>;
  /** Every value stays inside its segment, and every segment has one hole at most: then segments decide everything. */
  readonly plain: boolean;
  /** As it was before it was put in order, holes marked: with values in it, it may be another kind of place. */
  readonly marked: string;
  readonly ground: Ground;
}

/** What places are relative to: the workflow's folder, and where volumes are mounted. */
export interface Ground {
  readonly folder: string;
  readonly stores: Readonly<Record<string, StoreSetting>>;
}
/** Literal text and names of holes by turns, literal first and last. */
export type Segment = readonly string[];

// Values and paths cannot hold it, so it can stand around a hole's name while a path is put in order.
const MARK = '\0';

/** Undefined if a placeholder is not resolvable: that is said elsewhere. */
export function placePattern(
  text: string,
  ground: Ground,
  params: Readonly<Record<string, Scalar>>,
  forEach: Readonly<Record<string, Series>>,
): PlacePattern | undefined {
  let marked = '';
  const holes = new Set<string>();
  for (const piece of parseTemplate(text)) {
    if (typeof piece === 'string') marked += piece;
    else if (piece.source === 'params' && Object.hasOwn(params, piece.name)) marked += String(params[piece.name]);
    else if (piece.source === 'each' && Object.hasOwn(forEach, piece.name)) {
      holes.add(piece.name);
      marked += MARK + piece.name + MARK;
    } else return undefined;
  }
  const place = canonicalPlace(marked, ground);
  const tree = place.endsWith('/');
  const tame = [...holes].every((name) => {
    const series = forEach[name]!;
    return series.kind !== 'list' || series.items.every((item) => !/[/]|^\.{0,2}$/.test(String(item)));
  });
  // Values may bring a scheme, or be half of one: then nothing is known of any segment.
  const anywhere = /^[^/]*\0[^/]*\/\//.test(marked) || (!tame && /^[^/]*\0/.test(marked));
  const segments = anywhere
    ? [['', [...holes][0]!, '']]
    : (tree ? place.slice(0, -1) : place).split('/').map((segment) => segment.split(MARK));
  return {
    segments,
    tree,
    flat: place.startsWith('s3:'),
    forEach,
    holes,
    marked,
    ground,
    plain: tame && segments[0]!.length === 1 && segments.every((segment) => holesIn(segment).size <= 1),
  };
}

/**
 * One spelling for one place: `s3a://` is `s3://`, local paths are absolute and without `.` and `//`, and a volume that
 * is mounted here is the folder where it is.
 */
export function canonicalPlace(text: string, { folder, stores }: Ground): string {
  const [, scheme, rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  switch (scheme?.toLowerCase()) {
    case undefined:
      return posix.normalize(text.startsWith('/') ? text : posix.join(folder, text));
    case 'file':
      return posix.normalize(rest);
    case 's3':
    case 's3a':
    case 's3n':
      return `s3:${rest.includes('/') ? rest : `${rest}/`}`;
    default: {
      const path = posix.normalize(rest.includes('/') ? rest : `${rest}/`);
      const slash = path.indexOf('/');
      const setting = Object.hasOwn(stores, `pvc://${path.slice(0, slash)}`)
        ? stores[`pvc://${path.slice(0, slash)}`]
        : undefined;
      if (scheme?.toLowerCase() === 'pvc' && setting?.kind === 'mount')
        return posix.normalize(`${setting.mount}/${path.slice(slash + 1)}`);
      return `${scheme?.toLowerCase()}:${path}`;
    }
  }
}

function holesIn(segment: Segment): Set<string> {
  return new Set(segment.filter((_, index) => index % 2 === 1));
}

/** The place of one item, without the `/` of a tree. */
export function placeOf(pattern: PlacePattern, item: Item): string {
  // Values with a slash were not there when the path was put in order.
  if (!pattern.plain) {
    const whole = pattern.marked.split(MARK).map((part, index) => (index % 2 === 1 ? String(item[part]) : part));
    return withoutSlash(canonicalPlace(whole.join(''), pattern.ground));
  }
  const text = pattern.segments
    .map((segment) => segment.map((part, index) => (index % 2 === 1 ? String(item[part]) : part)).join(''))
    .join('/');
  return withoutSlash(text);
}

/** A loop, since the pattern for it takes the square of the number of slashes elsewhere. */
function withoutSlash(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '/') end--;
  return text.slice(0, end);
}

/** Surely different and none inside the other, whatever the items. Both must be plain. */
export function surelyApart(a: PlacePattern, b: PlacePattern): boolean {
  const [short, long] = a.segments.length <= b.segments.length ? [a, b] : [b, a];
  if (short.flat !== long.flat) return true;
  if (short.flat && (short.segments.length === long.segments.length ? short.tree !== long.tree : !short.tree))
    return true;
  return short.segments.some((segment, index) => neverEqual(segment, short, long.segments[index]!, long));
}

function neverEqual(a: Segment, of: PlacePattern, b: Segment, ofB: PlacePattern): boolean {
  if (a.length === 1 && b.length === 1) return a[0] !== b[0];
  if (a.length === 1) return !fits(b, ofB, a[0]!);
  if (b.length === 1) return !fits(a, of, b[0]!);
  const [headA = '', headB = ''] = [a[0], b[0]];
  if (!headA.startsWith(headB) && !headB.startsWith(headA)) return true;
  const [tailA = '', tailB = ''] = [a.at(-1), b.at(-1)];
  if (!tailA.endsWith(tailB) && !tailB.endsWith(tailA)) return true;
  if (headA !== headB || tailA !== tailB || a.length !== 3 || b.length !== 3) return false;
  return neverMeet(of.forEach[a[1]!]!, ofB.forEach[b[1]!]!);
}

/** Ranges that do not overlap, or tread different feet of the same pace. */
function neverMeet(a: Series, b: Series): boolean {
  if (a.kind === 'integers' && b.kind === 'integers')
    return a.to < b.from || b.to < a.from || (a.every === b.every && (a.from - b.from) % a.every !== 0);
  if (a.kind === 'dates' && b.kind === 'dates')
    // Of one length they sort as they are written; of two kinds they are never written alike.
    return a.from.length !== b.from.length || a.to < b.from || b.to < a.from;
  // A date is never written like a whole number; a list can hold anything.
  return a.kind !== 'list' && b.kind !== 'list';
}

/** Can the segment be this text? */
function fits(segment: Segment, of: PlacePattern, text: string): boolean {
  const value = valueIn(segment, text);
  return value !== undefined && seriesIndexOf(of.forEach[segment[1]!]!, value) >= 0;
}

/** What the segment's one hole would hold if the segment were this text. */
function valueIn(segment: Segment, text: string): string | undefined {
  const literal = segment.reduce((sum, part, index) => sum + (index % 2 === 0 ? part.length : 0), 0);
  const times = (segment.length - 1) / 2;
  const length = (text.length - literal) / times;
  if (!Number.isInteger(length) || length < 1) return undefined;
  const value = text.slice(segment[0]!.length, segment[0]!.length + length);
  const again = segment.map((part, index) => (index % 2 === 1 ? value : part)).join('');
  return again === text ? value : undefined;
}

/** The same for a place that is written out: does some item of the (plain) pattern meet it? */
export function meets(pattern: PlacePattern, place: string, tree: boolean): boolean {
  const segments = place.split('/');
  const { length } = pattern.segments;
  if (
    pattern.flat &&
    (length === segments.length ? pattern.tree !== tree : length < segments.length ? !pattern.tree : !tree)
  )
    return false;
  const values = new Map<string, string>();
  for (let index = 0; index < Math.min(length, segments.length); index++) {
    const segment = pattern.segments[index]!;
    const text = segments[index]!;
    if (segment.length === 1) {
      if (segment[0] !== text) return false;
      continue;
    }
    const value = valueIn(segment, text);
    if (value === undefined || (values.get(segment[1]!) ?? value) !== value) return false;
    // A placeholder that stands for nothing is told as that mistake, and as no other.
    const series = pattern.forEach[segment[1]!];
    if (!series || seriesIndexOf(series, value) < 0) return false;
    values.set(segment[1]!, value);
  }
  return true;
}

import { ConfigError } from './error.js';

/**
 * Patterns over names with `/`, in fast-glob's dialect as far as it is safe: `*` and `?` within a segment, `**` as a whole
 * segment, `[a-z]` `[!a]`, `{a,b}`, `\` before a character to mean itself. No extglobs, no regular expressions: matching
 * takes time proportional to pattern times name, whatever the pattern. Leading dots must be matched by a written dot.
 */
export interface Glob {
  readonly pattern: string;
  /** What every matching name begins with: as far as a listing can be narrowed. */
  readonly prefix: string;
  matches(name: string): boolean;
  /** Could a name below this folder match? (`out` or `out/`; the empty folder is where all names lie.) */
  reaches(folder: string): boolean;
}

const MAX_LENGTH = 1024;
const MAX_ALTERNATIVES = 256;

/** What matching took, for who wants to know that it takes no more than it may. */
export interface Effort {
  steps: number;
}

export function compileGlob(pattern: string, effort: Effort = { steps: 0 }): Glob {
  if (pattern.length > MAX_LENGTH) throw badGlob(pattern, `a pattern is at most ${MAX_LENGTH} characters long`);
  if (pattern === '' || pattern.startsWith('/')) throw badGlob(pattern, 'a pattern is relative and not empty');
  const alternatives = expandBraces(pattern).map((text) => text.split('/').map(compileSegment));
  const prefixes = alternatives.map(literalPrefix);
  return {
    pattern,
    prefix: prefixes.reduce(commonPrefix),
    matches: (name) => {
      const segments = name.split('/');
      return alternatives.some((alternative) => reachAfter(alternative, segments, effort).has(alternative.length));
    },
    reaches: (folder) => {
      const segments = folder.split('/').filter((segment) => segment !== '');
      return alternatives.some((alternative) =>
        [...reachAfter(alternative, segments, effort)].some((at) => at < alternative.length),
      );
    },
  };
}

function badGlob(pattern: string, why: string): ConfigError {
  return new ConfigError('config/bad-glob', `${JSON.stringify(pattern.slice(0, 80))}: ${why}`);
}

type Item =
  | { readonly kind: 'literal'; readonly char: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'many' }
  | { readonly kind: 'class'; readonly not: boolean; readonly ranges: readonly (readonly [string, string])[] };
type Segment = 'anything' | readonly Item[];

/** `a{b,c}d` -> `abd`, `acd`; nested braces too. Braces without a comma are literal, as in fast-glob. */
function expandBraces(pattern: string): readonly string[] {
  const done: string[] = [];
  const todo = [pattern];
  for (let text = todo.pop(); text !== undefined; text = todo.pop()) {
    const brace = firstBrace(text);
    if (!brace) done.push(text);
    else
      for (const option of brace.options.toReversed())
        todo.push(text.slice(0, brace.start) + option + text.slice(brace.end));
    if (done.length + todo.length > MAX_ALTERNATIVES)
      throw badGlob(pattern, `braces make more than ${MAX_ALTERNATIVES} alternatives`);
  }
  return done;
}

function firstBrace(text: string): { start: number; end: number; options: string[] } | undefined {
  for (let start = 0; start < text.length; start++) {
    if (text[start] === '\\') start++;
    else if (text[start] === '{') {
      const options = optionsOf(text, start);
      if (options && options.list.length > 1) return { start, end: options.end, options: options.list };
    }
  }
  return undefined;
}

function optionsOf(text: string, start: number): { list: string[]; end: number } | undefined {
  const list: string[] = [];
  let depth = 0;
  let from = start + 1;
  for (let i = start + 1; i < text.length; i++) {
    const char = text[i];
    if (char === '\\') i++;
    else if (char === '{') depth++;
    else if (char === ',' && depth === 0) {
      list.push(text.slice(from, i));
      from = i + 1;
    } else if (char === '}' && depth-- === 0) {
      list.push(text.slice(from, i));
      return { list, end: i + 1 };
    }
  }
  return undefined;
}

function compileSegment(text: string): Segment {
  if (text === '**') return 'anything';
  const items: Item[] = [];
  const chars = [...text];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === '\\' && i + 1 < chars.length) items.push({ kind: 'literal', char: chars[++i]! });
    else if (char === '?') items.push({ kind: 'one' });
    else if (char === '*') {
      if (items.at(-1)?.kind !== 'many') items.push({ kind: 'many' });
    } else if (char === '[') {
      const found = compileClass(chars, i);
      items.push(found?.item ?? { kind: 'literal', char });
      i = found?.end ?? i;
    } else items.push({ kind: 'literal', char });
  }
  return items;
}

function compileClass(chars: readonly string[], start: number): { item: Item; end: number } | undefined {
  const not = chars[start + 1] === '!' || chars[start + 1] === '^';
  const first = start + (not ? 2 : 1);
  const ranges: [string, string][] = [];
  for (let i = first; i < chars.length; i++) {
    if (chars[i] === ']' && i > first) return { item: { kind: 'class', not, ranges }, end: i };
    const from = chars[i]!;
    if (chars[i + 1] === '-' && chars[i + 2] !== undefined && chars[i + 2] !== ']') {
      ranges.push([from, chars[i + 2]!]);
      i += 2;
    } else ranges.push([from, from]);
  }
  return undefined;
}

/** Which pattern positions can be reached after these segments: a set, so `**` never multiplies the work. */
function reachAfter(pattern: readonly Segment[], name: readonly string[], effort: Effort): ReadonlySet<number> {
  let reached = closure(pattern, new Set([0]));
  for (const segment of name) {
    const next = new Set<number>();
    for (const at of reached) {
      effort.steps += 1;
      const part = pattern[at];
      if (part === 'anything') {
        if (!segment.startsWith('.')) next.add(at).add(at + 1);
      } else if (part && matchSegment(part, segment, effort)) next.add(at + 1);
    }
    reached = closure(pattern, next);
  }
  return reached;
}

/** `**` matches no segment at all, too; but `a/**` is what lies in `a`, not `a`. */
function closure(pattern: readonly Segment[], positions: Set<number>): Set<number> {
  for (const at of positions) if (pattern[at] === 'anything' && at + 1 < pattern.length) positions.add(at + 1);
  return positions;
}

/** Greedy with one point of return, the last `*`: linear for one star, pattern times name at worst. */
function matchSegment(items: readonly Item[], segment: string, effort: Effort): boolean {
  const name = [...segment];
  if (name[0] === '.' && !(items[0]?.kind === 'literal' && items[0].char === '.')) return false;
  let [i, n, star, resume] = [0, 0, -1, 0];
  while (n < name.length) {
    effort.steps += 1;
    const item = items[i];
    if (item?.kind === 'many') {
      star = i++;
      resume = n;
    } else if (item && matchItem(item, name[n]!)) {
      i++;
      n++;
    } else if (star >= 0) {
      i = star + 1;
      n = ++resume;
    } else return false;
  }
  while (items[i]?.kind === 'many') i++;
  return i === items.length && (name.length > 0 || items.length === 0);
}

function matchItem(item: Item, char: string): boolean {
  switch (item.kind) {
    case 'literal':
      return item.char === char;
    case 'one':
      return true;
    case 'class':
      return item.ranges.some(([from, to]) => from <= char && char <= to) !== item.not;
    case 'many':
      return false;
    default:
      return item satisfies never;
  }
}

function literalPrefix(alternative: readonly Segment[]): string {
  let prefix = '';
  for (const [index, segment] of alternative.entries()) {
    if (segment === 'anything') return prefix;
    for (const item of segment) {
      if (item.kind !== 'literal') return prefix;
      prefix += item.char;
    }
    if (index < alternative.length - 1) prefix += '/';
  }
  return prefix;
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}

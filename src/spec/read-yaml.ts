/**
 * YAML text -> a plain value, and where each part of it is written. Everything that could make a small file cost much is
 * refused before the parser builds anything: the number of tokens, their length, the nesting, and what aliases expand to.
 */
import { Composer, type CST, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type ParsedNode, Parser } from 'yaml';
import { checkScalar, isReserved, RESERVED_HINT } from './check-value.js';
import { type Issue, Issues, type Locator, type Path, type Position, quote, shorten } from './issue.js';

export const LIMITS = {
  depth: 64,
  /** Lexemes, about five for each short line. */
  tokens: 300_000,
  /** Values after aliases are expanded. */
  values: 500_000,
  /** Characters of one text. */
  text: 262_144,
} as const;

export interface ReadYaml {
  /** Undefined if nothing of it can be used. */
  readonly value: unknown;
  readonly locator: Locator;
  readonly issues: Issues;
}

export function readYaml(source: string, file: string): ReadYaml {
  // Editors do not show it, so it is no column.
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const lines = new LineCounter();
  const locator = new NodeLocator(file, lines);
  const issues = new Issues(locator);
  const fail = (code: Issue['code'], offset: number, message: string, hint?: string): ReadYaml => {
    locator.pin(offset);
    issues.error(code, [], message, { hint });
    locator.pin(undefined);
    return { value: undefined, locator, issues };
  };

  const parsed = parse(text, lines);
  if ('message' in parsed) return fail('config/too-large', parsed.offset, parsed.message, parsed.hint);

  // Under YAML 1.1 `no` is false and 012 is ten: one file would mean two things.
  const directive = parsed.tokens.find(
    (token) => token.type === 'directive' && !/^%(?:TAG|YAML\s+1\.2)\s/.test(`${token.source} `),
  );
  if (directive)
    return fail(
      'config/yaml-syntax',
      directive.offset,
      `the directive ${quote('source' in directive ? directive.source : '')} is not allowed: files are YAML 1.2`,
      'leave the line out',
    );

  // uniqueKeys is quadratic in the parser; the walk below finds duplicates with a set.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, keepSourceTokens: false });
  const [document, second] = [...composer.compose(parsed.tokens, true, text.length)];
  for (const { pos, message } of [...(document?.errors ?? []), ...(document?.warnings ?? [])])
    fail('config/yaml-syntax', pos[0], sentence(message), yamlHint(message));
  if (second) fail('config/yaml-syntax', second.range[0], 'a second document begins here', 'write one per file');
  if (issues.hasErrors) return { value: undefined, locator, issues };
  if (!document?.contents || (isScalar(document.contents) && document.contents.value === null))
    return fail('config/empty', 0, 'the file holds nothing');

  locator.root = document.contents as ParsedNode;
  try {
    return { value: new Walk(locator, issues).value(locator.root, [], 0), locator, issues };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { value: undefined, locator, issues };
  }
}

function sentence(message: string): string {
  return shorten(message, 300).replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());
}

function yamlHint(message: string): string | undefined {
  if (/tab/i.test(message)) return 'indent with spaces';
  if (/Nested mappings|Implicit keys/.test(message)) return 'quote a text that holds ": "';
  return undefined;
}

interface Bomb {
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

interface Parsed {
  readonly tokens: readonly CST.Token[];
}

/** First the lexemes are counted, which costs little and builds nothing; then they are parsed with an eye on the depth. */
function parse(text: string, lines: LineCounter): Bomb | Parsed {
  const lexemes = lexemesOf(text);
  if ('message' in lexemes) {
    lines.addNewLine(0);
    for (let at = text.indexOf('\n'); at >= 0 && at < lexemes.offset; at = text.indexOf('\n', at + 1))
      lines.addNewLine(at + 1);
    return lexemes;
  }
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  for (const lexeme of lexemes) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // Each level takes two places on the parser's stack; the walk counts exactly. Deep recursion kills the process.
    if (parser.stack.length > 2 * LIMITS.depth)
      return { offset: parser.offset, message: `nested deeper than ${LIMITS.depth} levels` };
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens };
}

/** The lexer's own marks, which stand for nothing in the text. */
const MARKS = new Set(['\u0002', '\u0018', '\u001f']);

function lexemesOf(text: string): Bomb | readonly string[] {
  const lexemes: string[] = [];
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexemes.push(lexeme) > LIMITS.tokens)
      return {
        offset,
        message: `the file holds more than ${LIMITS.tokens.toLocaleString('en')} words and signs`,
        hint: 'write a forEach range in place of many steps or items, or build the workflow with the library',
      };
    if (lexeme.length > LIMITS.text)
      return {
        offset,
        message: `a text is longer than ${LIMITS.text / 1024} KiB`,
        hint: 'put it into a file of its own',
      };
    if (!MARKS.has(lexeme)) offset += lexeme.length;
  }
  return lexemes;
}

class Refusal extends Error {}

class Walk {
  #values = 0;
  /** An alias means the last node of that name before it. */
  readonly #anchors = new Map<string, { readonly node: ParsedNode; open: boolean }>();
  readonly #locator: NodeLocator;
  readonly #issues: Issues;
  /** In an alias the anchors were seen before, and what is wrong was said. */
  #inAlias = 0;

  constructor(locator: NodeLocator, issues: Issues) {
    this.#locator = locator;
    this.#issues = issues;
  }

  value(node: ParsedNode | null, path: Path, depth: number): unknown {
    if (++this.#values > LIMITS.values) this.#refuse(path, 'its aliases expand to too much');
    if (depth > LIMITS.depth) this.#refuse(path, `nested deeper than ${LIMITS.depth} levels`);
    if (node === null) return null;
    if (isAlias(node)) return this.#alias(node as ParsedNode & { source: string }, path, depth);
    const anchor = 'anchor' in node && node.anchor && this.#inAlias === 0 ? { node, open: true } : undefined;
    if (anchor) this.#anchors.set((node as { anchor: string }).anchor, anchor);
    const value = this.#content(node, path, depth);
    if (anchor) anchor.open = false;
    return value;
  }

  #content(node: ParsedNode, path: Path, depth: number): unknown {
    if (isSeq(node)) return node.items.map((item, i) => this.value(item as ParsedNode, [...path, i], depth + 1));
    if (isMap(node)) return this.#map(node as ParsedNode & { items: Pair[] }, path, depth);
    if (!isScalar(node)) return null;
    const { value, source } = node;
    if (!this.#inAlias) checkScalar(value, source, path, this.#issues);
    return value;
  }

  #map(node: { items: Pair[] }, path: Path, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      if (!isScalar(key) || typeof key.value === 'object') {
        const hint = 'a value that begins with a placeholder is written in quotes: "{{params.x}}"';
        this.#issues.error('config/bad-key', path, 'a key must be a plain text', isMap(key) ? { hint } : {});
        continue;
      }
      // A number or boolean is as good a name as what was written for it.
      const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
      this.#locator.pin(key.range?.[0]);
      if (seen.has(name)) this.#say('config/duplicate-key', [...path, name], `${quote(name)} is written twice`);
      else if (isReserved(name))
        this.#say('config/reserved-name', path, `${quote(name)} cannot be a name`, RESERVED_HINT);
      else if (!name.isWellFormed()) this.#say('config/lone-surrogate', path, 'a name holds half of a character');
      this.#locator.pin(undefined);
      if (seen.has(name) || isReserved(name)) continue;
      seen.add(name);
      map[name] = this.value(value, [...path, name], depth + 1);
    }
    return map;
  }

  #alias(node: ParsedNode & { source: string }, path: Path, depth: number): unknown {
    const target = this.#anchors.get(node.source);
    if (!target || target.open) {
      this.#say('config/yaml-syntax', path, `*${node.source} refers to ${target ? 'itself' : 'nothing'}`);
      return null;
    }
    this.#locator.aliases.set(node, target.node);
    this.#inAlias++;
    const value = this.value(target.node, path, depth);
    this.#inAlias--;
    return value;
  }

  #say(code: Issue['code'], path: Path, message: string, hint?: string): void {
    if (!this.#inAlias || code === 'config/yaml-syntax') this.#issues.error(code, path, message, { hint });
  }

  #refuse(path: Path, message: string): never {
    this.#issues.error('config/too-large', path, message);
    throw new Refusal();
  }
}

interface Pair {
  readonly key: ParsedNode | null;
  readonly value: ParsedNode | null;
}

/** Finds positions only when somebody asks: a file without mistakes pays nothing. */
class NodeLocator implements Locator {
  root: ParsedNode | undefined;
  readonly aliases = new Map<unknown, ParsedNode>();
  readonly #indexed = new WeakMap<object, Map<string, Pair>>();
  #pinned: number | undefined;
  readonly file: string;
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.file = file;
    this.#lines = lines;
  }

  /** While set, every position is this one. */
  pin(offset: number | undefined): void {
    this.#pinned = offset;
  }

  locate(path: Path, part: 'key' | 'value'): Position {
    const { line, col } = this.#lines.linePos(this.#pinned ?? this.#find(path, part).offset);
    return { line: Math.max(line, 1), col: Math.max(col, 1) };
  }

  written(path: Path): string | undefined {
    const { node, exact } = this.#find(path, 'value');
    return exact && isScalar(node) && node.type === 'PLAIN' && typeof node.value !== 'string' ? node.source : undefined;
  }

  #pairs(map: { readonly items: readonly Pair[] }): ReadonlyMap<string, Pair> {
    let pairs = this.#indexed.get(map);
    if (!pairs) {
      pairs = new Map();
      // The first of two with one name, as the walk takes it.
      for (const pair of map.items)
        if (isScalar(pair.key) && !pairs.has(nameOf(pair.key))) pairs.set(nameOf(pair.key), pair);
      this.#indexed.set(map, pairs);
    }
    return pairs;
  }

  #find(path: Path, part: 'key' | 'value') {
    let node: ParsedNode | null | undefined = this.root;
    let offset = node?.range[0] ?? 0;
    for (const [index, name] of path.entries()) {
      const inside: ParsedNode | undefined = this.aliases.get(node) ?? node ?? undefined;
      if (isSeq(inside) && typeof name === 'number') node = inside.items[name] as ParsedNode | undefined;
      else if (isMap(inside)) {
        const pair: Pair | undefined = this.#pairs(inside as { items: Pair[] }).get(String(name));
        if (!pair) return { offset, node: undefined, exact: false };
        const atKey = part === 'key' && index === path.length - 1;
        offset = pair.key?.range?.[0] ?? offset;
        if (atKey || !pair.value?.range || isEmpty(pair.value)) return { offset, node: pair.value, exact: true };
        node = pair.value;
      } else return { offset, node: undefined, exact: false };
      if (!node?.range) return { offset, node: undefined, exact: false };
      offset = node.range[0];
    }
    return { offset, node, exact: true };
  }
}

function nameOf(key: { value?: unknown; source?: string }): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

/** `key:` with nothing after it: the key is the better place to point at. */
function isEmpty(node: ParsedNode): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === '';
}

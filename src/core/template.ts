/**
 * `{{params.x}}` and `{{each.x}}` in a text, with Argo's names for parameters. A value that was put in is never scanned
 * again. What begins otherwise, as in `{{.State}}`, is left to the program that understands it.
 */
import { ConfigError } from './error.js';
import { quoteAt, shellContexts } from './shell.js';
import type { Scalar } from './step.js';

export interface Placeholder {
  /** As written, with its braces. */
  readonly text: string;
  /** `unknown`: it looks like one of ours, and is none. */
  readonly source: 'params' | 'each' | 'unknown';
  readonly name: string;
}
export type Piece = string | Placeholder;

export interface Scope {
  readonly params: Readonly<Record<string, Scalar>>;
  readonly each: Readonly<Record<string, Scalar>>;
}

/**
 * location: a place; its values climb nowhere. glob: the same, and values match only themselves.
 * text and argv: as they are. shell: quoted for the context in which they stand, or refused.
 */
export type Use = 'location' | 'glob' | 'text' | 'argv' | 'shell';

// No blanks or lazy repeats in it: they would make long texts cost the square of their length.
const BRACES = /\{\{([^{}]*)\}\}/g;
const BEGINS_LIKE_OURS = /^[A-Za-z_=]/;
const OURS = /^(params|each|inputs\.parameters|workflow\.parameters)\.([A-Za-z0-9_-]+)$/;

export function parseTemplate(text: string): readonly Piece[] {
  if (!text.includes('{{')) return [text];
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(BRACES)) {
    const inner = (match[1] ?? '').trim();
    if (!BEGINS_LIKE_OURS.test(inner)) continue;
    if (match.index > end) pieces.push(text.slice(end, match.index));
    pieces.push(placeholder(match[0], inner));
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push(text.slice(end));
  return pieces;
}

function placeholder(text: string, inner: string): Placeholder {
  const match = OURS.exec(inner);
  if (!match) return { text, source: 'unknown', name: inner };
  return { text, source: match[1] === 'each' ? 'each' : 'params', name: match[2] ?? '' };
}

export function placeholders(text: string): readonly Placeholder[] {
  return parseTemplate(text).filter((piece) => typeof piece !== 'string');
}

/** The text with its values in place. Throws a ConfigError that names the placeholder, never the value: it may be secret. */
export function substitute(text: string, scope: Scope, options: { readonly as: Use }): string {
  const pieces = parseTemplate(text);
  if (pieces.every((piece) => typeof piece === 'string')) return text;
  const { as } = options;
  const contexts = as === 'shell' ? shellContexts(pieces) : [];
  let result = '';
  for (const [index, piece] of pieces.entries()) {
    if (typeof piece === 'string') {
      result += piece;
      continue;
    }
    const value = lookUp(piece, scope);
    if (value.includes('\0')) throw bad('config/bad-value', piece, 'holds a NUL character');
    if (as === 'shell') result += quoteAt(contexts[index], value, piece.text);
    else if (as === 'location' || as === 'glob') result += place(piece, value, as);
    else result += value;
  }
  if (as === 'location' || as === 'glob') refuseClimbing(text, pieces, result);
  return result;
}

function lookUp(piece: Placeholder, scope: Scope): string {
  if (piece.source !== 'unknown') {
    const values = scope[piece.source];
    const value = Object.hasOwn(values, piece.name) ? values[piece.name] : undefined;
    if (value !== undefined) return String(value);
  }
  throw new ConfigError('config/unresolved-placeholder', `${piece.text} stands for nothing here`);
}

function place(piece: Placeholder, value: string, as: 'location' | 'glob'): string {
  if (value === '') throw bad('config/bad-value', piece, 'is empty where a place is named');
  if (value.split('/').includes('..')) throw bad('config/bad-value', piece, 'holds a ".." segment');
  return as === 'glob' ? value.replace(/[\\*?[\]{}()!+@|]/g, '\\$&') : value;
}

/** A `..` that nobody wrote: half of it from a value, or two values side by side. */
function refuseClimbing(text: string, pieces: readonly Piece[], result: string): void {
  const written = pieces.map((piece) => (typeof piece === 'string' ? piece : '\0')).join('');
  const climbs = (path: string) => path.split('/').filter((segment) => segment === '..').length;
  if (climbs(result) > climbs(written))
    throw new ConfigError('config/bad-value', `the values in ${JSON.stringify(text)} form a ".." segment`);
}

function bad(code: 'config/bad-value', piece: Placeholder, why: string): ConfigError {
  return new ConfigError(code, `the value of ${piece.text} ${why}`);
}

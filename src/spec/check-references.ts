/** Placeholders: do they stand for something, may they stand there, and are the texts that come out of them places? */

import { isCode } from '../core/argv.js';
import { ConfigError } from '../core/error.js';
import { compileGlob } from '../core/glob.js';
import { parseLocation } from '../core/location.js';
import { mapTexts, references } from '../core/resolve.js';
import { itemAt } from '../core/series.js';
import { SHELL_HINT, shellContexts } from '../core/shell.js';
import type { Scalar } from '../core/step.js';
import { type Piece, parseTemplate, placeholders, type Scope, substitute, type Use } from '../core/template.js';
import { type Draft, type DraftStep, filePath, namesOf, valuesOf } from './draft.js';
import { ISSUE_CODES, type IssueCode, type Path, quote } from './issue.js';
import { MAX_PLACE } from './schema.js';
import { oneOf } from './suggest.js';
import { unresolvedHint } from './unresolved.js';

export function checkReferences(draft: Draft): void {
  const params = valuesOf(draft);
  for (const step of draft.steps) {
    if (draft.issues.overflow) return draft.issues.stop();
    mapTexts(step.step, (text, { group, as, path }) => {
      checkText(text, { as, group, path: filePath(step, path), marker: path.at(-1) === 'marker' }, step, draft, params);
      return text;
    });
    checkLiteralTexts(step, draft);
    checkParamNames(step, draft);
    warnTag(step, draft);
  }
}

interface At {
  readonly as: Use;
  readonly group: string;
  readonly path: Path;
  /** A marker may be a name below the tree, so it need not be a place by itself. */
  readonly marker: boolean;
}

function checkText(
  text: string,
  at: At,
  step: DraftStep,
  draft: Draft,
  params: Readonly<Record<string, Scalar>>,
): void {
  const pieces = parseTemplate(text);
  const { issues } = draft;
  const { as, path } = at;
  let resolvable = true;
  for (const piece of pieces) {
    if (typeof piece === 'string') continue;
    const known = piece.source === 'each' ? step.step.forEach : piece.source === 'params' ? draft.params : {};
    if (!Object.hasOwn(known, piece.name)) {
      resolvable = false;
      const each = Object.keys(step.step.forEach);
      // A forEach that is itself wrong was left out of the step.
      if (piece.source === 'each' && each.length === 0 && 'forEach' in step.raw) continue;
      issues.error('config/unresolved-placeholder', path, `${piece.text} stands for nothing here`, {
        hint: () => unresolvedHint(piece, namesOf(draft), each),
      });
    } else if (
      piece.source === 'params' &&
      draft.params[piece.name]?.secret &&
      as !== 'shell' &&
      as !== 'argv' &&
      at.group !== 'env'
    ) {
      issues.error('config/secret-exposed', path, `${piece.text} is secret, and this text is kept in records`, {
        hint: 'secrets reach a step by env or as an argument of run',
      });
    } else if (piece.source === 'params' && !Object.hasOwn(params, piece.name)) resolvable = false;
  }
  const literal = pieces.filter((piece) => typeof piece === 'string').join('\0');
  const open = /\{\{\s*(?:params|each|inputs|workflow)\.[^{}\0]*(?:\}(?!\})|\0|$)/.exec(literal);
  if (open)
    issues.error('config/unresolved-placeholder', path, `${quote(open[0].replace('\0', ''))} is not closed with }}`);
  if (as === 'shell') checkShell(pieces, path, draft);
  if (as === 'argv') checkArgv(pieces, at, draft, step);
  if (as === 'location' && !at.marker) warnPattern(pieces, at, draft);
  if (!resolvable || (as !== 'location' && as !== 'glob')) return;
  for (const scope of scopes(pieces, step, params)) if (!checkPlace(text, scope, at, draft)) return;
}

function checkShell(pieces: readonly Piece[], path: Path, { issues }: Draft): void {
  const contexts = shellContexts(pieces);
  for (const [index, piece] of pieces.entries()) {
    const context = contexts[index];
    if (typeof piece === 'string' || typeof context !== 'object') continue;
    const message = `${piece.text} ${context.refused}, where its value could not be quoted safely`;
    issues.error('config/unsafe-shell', path, message, { hint: SHELL_HINT });
  }
}

/** `[sh, -c, "... {{params.x}}"]` is a shell text in other clothes. */
function checkArgv(pieces: readonly Piece[], { path }: At, { issues }: Draft, step: DraftStep): void {
  const placeholder = pieces.find((piece) => typeof piece !== 'string');
  const index = path.at(-1);
  const argv = path
    .slice(STEP_DEPTH, -1)
    .reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], step.raw);
  if (placeholder === undefined || typeof index !== 'number' || !Array.isArray(argv)) return;
  if (!isCode(argv.map(String), index)) return;
  issues.error('config/unsafe-shell', path, `${placeholder.text} stands in code that ${String(argv[0])} runs`, {
    hint: SHELL_HINT,
  });
}

/** Paths begin with `steps` and the step's number. */
const STEP_DEPTH = 2;

function warnPattern(pieces: readonly Piece[], { group, path }: At, { issues }: Draft): void {
  const written = pieces
    .filter((piece) => typeof piece === 'string')
    .join('')
    .slice(0, MAX_PLACE);
  if (!/[*?]|\[[^\]]+\]|\{[^{}]*,[^{}]*\}/.test(written)) return;
  const hint =
    group === 'when'
      ? 'write {glob: ..., min: 1} if a pattern is meant'
      : group === 'outputs'
        ? 'an output is one place: name the tree, ending in "/"'
        : 'name the tree, ending in "/"; patterns stand in inputs.files';
  issues.warn('config/looks-like-pattern', path, 'is literal, not a pattern', { hint });
}

/** Only such a value can make a path climb; what is left untried is refused when its instance is resolved. */
const SUSPICIOUS = /^$|^[./]|[./]$|\/\.\.?\//;
const MAX_TRIED = 1_000;

/** The first item, and those out of lists that could be trouble. */
function* scopes(pieces: readonly Piece[], { step }: DraftStep, params: Scope['params']): Generator<Scope> {
  const first = itemAt(step.forEach, 0);
  yield { params, each: first };
  const used = new Set(pieces.flatMap((p) => (typeof p !== 'string' && p.source === 'each' ? [p.name] : [])));
  for (const name of used) {
    const series = step.forEach[name];
    if (series?.kind !== 'list') continue;
    let tried = 0;
    for (const value of series.items.slice(1)) {
      if (typeof value !== 'string' || !SUSPICIOUS.test(value)) continue;
      if (++tried > MAX_TRIED) break;
      yield { params, each: { ...first, [name]: value } };
    }
  }
}

function checkPlace(text: string, scope: Scope, { as, path, marker }: At, { issues }: Draft): boolean {
  try {
    const place = substitute(text, scope, { as });
    if (as === 'glob') compileGlob(place.replace(/^[A-Za-z0-9]+:\/\/[^/]*/, '').replace(/^\/+/, '') || place);
    if (!marker || /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(place)) parseLocation(place);
    return true;
  } catch (error) {
    if (error instanceof ConfigError && error.code in ISSUE_CODES)
      issues.error(error.code as IssueCode, path, error.message, { hint: error.hint });
    else throw error;
    return false;
  }
}

/** Texts that are taken as they are: a placeholder in them would silently stay what it is. */
function checkLiteralTexts(step: DraftStep, draft: Draft): void {
  const { script, memoize } = step.step;
  refusePlaceholders(memoize.seed, filePath(step, ['memoize', 'seed']), 'a seed is taken literally', draft);
  refusePlaceholders(memoize.scope, filePath(step, ['memoize', 'scope']), 'a scope is taken literally', draft);
  for (const word of script?.interpreter ?? [])
    refusePlaceholders(word, [...step.at, 'script', 'interpreter'], 'an interpreter is taken literally', draft);
  checkKeys(step.step.inputs.values, filePath(step, ['inputs', 'values']), draft);
  // In a program braces of all kinds are usual; only what is surely meant for us is refused.
  const ours = placeholders(script?.source ?? '').find(({ source }) => source !== 'unknown');
  if (ours)
    draft.issues.error(
      'config/placeholder-not-allowed',
      [...step.at, 'script', 'source'],
      `${ours.text} is not replaced in a program`,
      {
        hint: 'give it to the program by env: { NAME: "{{...}}" }',
      },
    );
}

/** Values of `inputs.values` are filled in at any depth; the names of its maps are not. */
function checkKeys(value: unknown, path: Path, draft: Draft): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(name) : name];
    if (!Array.isArray(value)) refusePlaceholders(name, at, 'a name is taken literally', draft, 'key');
    checkKeys(inner, at, draft);
  }
}

export function refusePlaceholders(
  text: string | undefined,
  path: Path,
  why: string,
  { issues }: Pick<Draft, 'issues'>,
  part: 'key' | 'value' = 'value',
): void {
  const [first] = placeholders(text ?? '');
  if (first)
    issues.error('config/placeholder-not-allowed', path, `${why}: ${first.text} would stay as it is`, { part });
}

/** A tag may stand for another image tomorrow, and the work would still count as done. */
function warnTag({ step, at }: DraftStep, { issues }: Draft): void {
  const { image } = step;
  if (image === undefined || image.includes('@') || image.includes('{{')) return;
  issues.warn('config/weak-image', [...at, 'image'], `${quote(image)} names an image by its tag alone`, {
    hint: 'name it with its digest, image@sha256:..., so that another image is other work; docker image inspect tells it',
  });
}

function checkParamNames(step: DraftStep, { issues, params }: Draft): void {
  const names = new Set(Object.keys(params));
  const check = (list: readonly string[], path: Path, among: ReadonlySet<string>) => {
    for (const [index, name] of list.entries())
      if (!among.has(name))
        issues.error('config/unknown-param', [...path, index], `there is no param ${quote(name)}`, {
          hint: () => oneOf(name, among),
        });
  };
  const choice = step.step.inputs.params;
  const at = [...step.at, 'inputs', 'params'];
  if (choice) {
    const list = 'except' in choice ? choice.except : choice;
    const listed = new Set(list);
    check(list, 'except' in choice ? [...at, 'except'] : at, names);
    const used = references(step.step);
    for (const name of new Set([...(used.command ?? []), ...(used.env ?? [])])) {
      if (listed.has(name) === 'except' in choice)
        issues.warn('config/param-left-out', at, `the command uses {{params.${name}}}, which is kept out of the key`, {
          hint: 'a run with another value will count as the same work',
        });
    }
  }
  if (Array.isArray(step.step.memo))
    check(step.step.memo, [...step.at, 'memo'], new Set([...names, ...Object.keys(step.step.forEach)]));
}

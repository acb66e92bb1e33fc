/** `forEach`: lists as they are, ranges as arithmetic. Parameters may stand in both, since they are known by now. */
import { parseDuration } from '../core/duration.js';
import { ConfigError } from '../core/error.js';
import { countItems, dateRange, integerRange, type ParsedRange } from '../core/series.js';
import type { Param, Scalar, Series } from '../core/step.js';
import { parseTemplate, substitute } from '../core/template.js';
import type { StepContext } from './build-step.js';
import { type IssueCode, type Path, quote } from './issue.js';
import type { StepInput } from './schema.js';
import { warnSpelling } from './spelling.js';
import { unresolvedHint } from './unresolved.js';

export const MAX_ITEMS = 10_000_000;

type ForEachInput = NonNullable<StepInput['forEach']>;

export function buildSeries(input: ForEachInput, context: StepContext): Readonly<Record<string, Series>> {
  const built: Record<string, Series> = {};
  const at: Path = [...context.at, 'forEach'];
  const several = Object.keys(input).length > 1;
  for (const [name, value] of Object.entries(input)) {
    const path = [...at, name];
    const series = Array.isArray(value) ? list(value, path, several, context) : range(value, path, context);
    // A series of one stands in for a wrong one, so that the rest of the step can be checked.
    built[name] = series ?? { kind: 'list', items: ['x'] };
  }
  const count = countItems(built);
  if (count > MAX_ITEMS)
    context.issues.error('config/too-large', at, `makes ${count.toLocaleString('en')} instances`, {
      hint: `at most ${MAX_ITEMS.toLocaleString('en')}; split the workflow`,
    });
  return built;
}

function list(values: readonly Scalar[], path: Path, several: boolean, context: StepContext): Series {
  const { issues } = context;
  const seen = new Set<string>();
  const items = values.map((value, index) => {
    const at = [...path, index];
    warnSpelling(value, at, context);
    const item = typeof value === 'string' ? fill(value, at, context) : value;
    const text = String(item);
    if (text === '') issues.error('config/bad-value', at, 'an item must not be empty');
    else if (/[\u0000-\u001f\u007f]/.test(text))
      issues.error('config/bad-value', at, 'an item must not hold control characters');
    else if (several && text.includes(','))
      issues.error(
        'config/bad-value',
        at,
        `${quote(text)} holds a comma, which separates the values in an instance’s name`,
      );
    if (seen.has(text))
      issues.error('config/duplicate-item', at, `${quote(text)} is in the list twice`, { hint: 'items become names' });
    seen.add(text);
    return item;
  });
  return { kind: 'list', items };
}

type RangeInput = Exclude<ForEachInput[string], readonly unknown[]>;

function range(input: RangeInput, path: Path, context: StepContext): Series | undefined {
  const parsed = parseRange(input, path, context);
  if (parsed === undefined) return undefined;
  if (parsed.ok) return parsed.series;
  context.issues.error('config/bad-range', [...path, parsed.field], parsed.why, { hint: parsed.hint });
  return undefined;
}

function parseRange(input: RangeInput, path: Path, context: StepContext): ParsedRange | undefined {
  const from = bound(input.from, [...path, 'from'], context);
  const to = bound(input.to, [...path, 'to'], context);
  if (from === undefined || to === undefined) return undefined;
  if (typeof from !== typeof to)
    return {
      ok: false,
      field: 'to',
      why: `${from} and ${to} are not of one kind`,
      hint: 'write two dates or two whole numbers',
    };
  const { every } = input;
  if (typeof from === 'number' && typeof to === 'number') {
    if (typeof every === 'string')
      return { ok: false, field: 'every', why: 'whole numbers advance by whole numbers', hint: 'write every: 1' };
    return integerRange(from, to, every);
  }
  if (typeof every === 'number' && every !== 0)
    return {
      ok: false,
      field: 'every',
      why: 'dates advance by a length of time',
      hint: `write ${every}d or ${every}h`,
    };
  const duration = every === undefined ? undefined : parseDuration(String(every));
  return dateRange(String(from), String(to), duration?.ok ? duration.ms : undefined);
}

function bound(value: string | number, path: Path, context: StepContext): string | number | undefined {
  if (typeof value === 'number') {
    warnSpelling(value, path, context);
    return value;
  }
  if (!value.includes('{{')) return value;
  const filled = fill(value, path, context);
  if (filled === value) return undefined;
  // What came in as text from outside is a number if it is written as one.
  return Number.isSafeInteger(Number(filled)) && String(Number(filled)) === filled ? Number(filled) : filled;
}

function fill(text: string, path: Path, { issues, params }: StepContext): string {
  const values: Record<string, Scalar> = {};
  for (const piece of parseTemplate(text)) {
    if (typeof piece === 'string') continue;
    const param: Param | undefined =
      piece.source === 'params' && Object.hasOwn(params, piece.name) ? params[piece.name] : undefined;
    if (!param) {
      issues.error('config/unresolved-placeholder', path, `${piece.text} stands for nothing here`, {
        hint: unresolvedHint(piece, Object.keys(params), []),
      });
      return text;
    }
    if (param.secret) issues.error('config/secret-exposed', path, `${piece.text} is secret, and items become names`);
    if (param.value === undefined) return text;
    values[piece.name] = param.value;
  }
  try {
    return substitute(text, { params: values, each: {} }, { as: 'text' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    issues.error(error.code as IssueCode, path, error.message, { hint: error.hint });
    return text;
  }
}

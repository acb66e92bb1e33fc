/** What the schema found, in our words. */
import type { z } from 'zod';
import { DURATION } from '../core/duration.js';
import { type IssueCode, type Issues, type Locator, type Path, quote } from './issue.js';
import { CONDITION_FIELDS } from './schema.js';
import { didYouMean, oneOf } from './suggest.js';

type ZodIssue = z.core.$ZodIssue;

export interface Reporter {
  readonly issues: Issues;
  readonly locator: Locator;
}

/** `base` is the path of `root` in the file. */
export function reportShape(found: readonly ZodIssue[], root: unknown, base: Path, reporter: Reporter): void {
  for (const issue of found) {
    if (reporter.issues.overflow) return reporter.issues.stop();
    report(issue, valueAt(root, pathOf(issue)), [...base, ...pathOf(issue)], reporter);
  }
}

function pathOf(issue: ZodIssue): Path {
  return issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string | number, unknown>)[name];
  }
  return value;
}

function report(issue: ZodIssue, got: unknown, path: Path, reporter: Reporter): void {
  const { issues } = reporter;
  const [what = '', hint] = issue.message.split('\n');
  if (issue.code === 'unrecognized_keys') return unknownFields(issue.keys, path, hint ?? '', issues);
  if (got === undefined && path.length > 0) return missing(path, issues);
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(expectedName(issue.expected), got, path, reporter);
    case 'invalid_value':
      return notOneOf(issue.values.map(String), got, path, reporter);
    case 'too_small':
      if (issue.origin === 'array') return issues.error('config/empty-list', path, 'must not be an empty list');
      if (issue.origin === 'string') return issues.error('config/bad-value', path, 'must not be empty');
      return issues.error('config/bad-value', path, `must be at least ${issue.minimum}, not ${got}`);
    case 'too_big':
      // Said already, with a better hint, where the value was read.
      if (typeof got === 'number' && !Number.isSafeInteger(got)) return;
      return issues.error(
        'config/too-large',
        path,
        `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters long' : ''}`,
      );
    case 'invalid_format':
      return badFormat(issue.pattern, got, what, hint, path, issues);
    case 'invalid_key': {
      const [why = ''] = issue.issues[0]?.message.split('\n') ?? [];
      const wrong = String(path.at(-1));
      return issues.error('config/bad-name', path, `the name ${quote(wrong)} ${why}`, {
        part: 'key',
        hint: issue.issues[0]?.message.split('\n')[1],
      });
    }
    case 'invalid_union':
      return union(issue.errors, got, what, hint, path, reporter);
    default: {
      const code = issue.code === 'custom' ? (issue.params?.['code'] as IssueCode | undefined) : undefined;
      return issues.error(code ?? 'config/bad-value', path, code ? `${quote(String(got))} ${what}` : what, { hint });
    }
  }
}

function unknownFields(keys: readonly string[], path: Path, among: string, issues: Issues): void {
  for (const key of keys) {
    const hint = key === '<<' ? 'YAML 1.2 has no merge keys; use defaults, or an alias for a whole value' : undefined;
    issues.error('config/unknown-field', [...path, key], 'unknown field', {
      part: 'key',
      hint: hint ?? (() => oneOf(key, among.split(','))),
    });
  }
}

function missing(path: Path, issues: Issues): void {
  const name = path.at(-1);
  const hints: Readonly<Record<string, string>> = {
    min: 'a pattern always says how many must be there at least, as in min: 1',
    extends: 'name the policy whose other fields hold, as in extends: parts',
  };
  issues.error('config/missing-field', path.slice(0, -1), `the field "${name}" is missing`, {
    hint: hints[String(name)],
  });
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map of names',
};

function expectedName(expected: string): string {
  return KINDS[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return 'a text';
  return typeof value === 'number' ? `the number ${value}` : String(value);
}

function wrongType(expected: string, got: unknown, path: Path, { issues, locator }: Reporter): void {
  let hint: string | undefined;
  if (expected === 'a text' && (typeof got === 'number' || typeof got === 'boolean'))
    hint = `quote it: "${locator.written(path) ?? got}"`;
  else if (expected === 'a list' && typeof got === 'string') hint = `write a list: [${got.length < 40 ? got : '...'}]`;
  else if (expected === 'true or false' && typeof got === 'string' && /^(yes|no|on|off)$/i.test(got))
    hint = 'in YAML 1.2 yes, no, on and off are texts';
  else if (/number/.test(expected) && typeof got === 'string' && /^\d+$/.test(got))
    hint = `write it without quotes: ${got}`;
  const article = got === null ? 'has no value; it must be' : 'must be';
  issues.error(
    'config/wrong-type',
    path,
    got === null ? `${article} ${expected}` : `${article} ${expected}, not ${kindOf(got)}`,
    {
      hint,
    },
  );
}

function notOneOf(allowed: readonly string[], got: unknown, path: Path, reporter: Reporter): void {
  const list = allowed.length === 1 ? `"${allowed[0]}"` : `one of ${allowed.join(', ')}`;
  if (typeof got !== 'string') return wrongType(list, got, path, reporter);
  reporter.issues.error('config/bad-enum', path, `must be ${list}, not ${quote(got)}`, {
    hint: allowed.length > 1 ? didYouMean(got, allowed) : undefined,
  });
}

function badFormat(
  pattern: string | undefined,
  got: unknown,
  what: string,
  hint: string | undefined,
  path: Path,
  issues: Issues,
): void {
  if (pattern === String(DURATION)) return issues.error('config/bad-duration', path, what, { hint });
  const code: IssueCode = /URL|store/.test(what) ? 'config/bad-location' : 'config/bad-name';
  const template = typeof got === 'string' && got.includes('{{');
  // An address may hold a password or a signature: then it is not repeated.
  const shown = /[@?#]/.test(String(got)) && String(got).includes('://') ? 'what stands here' : quote(String(got));
  issues.error(code, path, `${shown} ${what}`, {
    hint: template ? 'placeholders cannot stand in names; forEach makes one instance per item' : hint,
  });
}

function union(
  branches: readonly (readonly ZodIssue[])[],
  got: unknown,
  what: string,
  hint: string | undefined,
  path: Path,
  reporter: Reporter,
): void {
  const { issues } = reporter;
  const again = (branch: readonly ZodIssue[]) => reportShape(branch, got, path, reporter);
  if (what.startsWith('must be a condition') && isObject(got) && branches.length === CONDITION_FIELDS.length) {
    const keys = Object.keys(got);
    const known = keys.filter((key) => (CONDITION_FIELDS as readonly string[]).includes(key));
    if (known.length === 1) return again(branches[CONDITION_FIELDS.indexOf(known[0] as 'all')] ?? []);
    if (known.length > 1)
      return issues.error('config/conflict', path, `a condition is one thing, not ${known.join(' and ')}`, {
        hint: 'combine them: all: [...] or any: [...]',
      });
    if (keys.length > 0) return unknownFields(keys, path, CONDITION_FIELDS.join(','), issues);
    return issues.error('config/wrong-type', path, 'is empty; it must be a condition', { hint });
  }
  const fitting = branches.filter((branch) => !mismatches(branch)).sort((a, b) => weight(a) - weight(b));
  if (fitting[0]) return again(fitting[0]);
  if (!what.startsWith('must')) return issues.error('config/wrong-type', path, `${kindOf(got)} is not allowed here`);
  issues.error('config/wrong-type', path, got === null ? `has no value; it ${what}` : `${what}, not ${kindOf(got)}`, {
    hint,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value is not even of this branch's type. */
function mismatches(branch: readonly ZodIssue[]): boolean {
  return branch.some(
    (issue) =>
      issue.path.length === 0 &&
      (issue.code === 'invalid_type' ||
        issue.code === 'invalid_value' ||
        (issue.code === 'invalid_union' && issue.errors.every(mismatches))),
  );
}

function weight(branch: readonly ZodIssue[]): number {
  return branch.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
}

/**
 * What of a value can still be checked: unknown fields go, and so does every field in which something is wrong. Of a
 * map in `harmless` only the wrong entry goes, and a harmless one takes its place: others may refer to its name.
 */
export function prune(
  value: unknown,
  found: readonly ZodIssue[],
  harmless: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> | undefined {
  if (!isObject(value)) return undefined;
  const rest: Record<string, unknown> = { ...value };
  const copied = new Set<string>();
  for (const issue of found) {
    const [field, name] = issue.path.map(String);
    if (field === undefined) {
      if (issue.code === 'unrecognized_keys') for (const key of issue.keys) delete rest[key];
      continue;
    }
    const map = rest[field];
    if (name === undefined || !Object.hasOwn(harmless, field) || !isObject(map)) {
      delete rest[field];
      continue;
    }
    const copy = copied.has(field) ? map : { ...map };
    copied.add(field);
    rest[field] = copy;
    if (issue.code === 'invalid_key' || harmless[field] === undefined) delete copy[name];
    else copy[name] = harmless[field];
  }
  return rest;
}

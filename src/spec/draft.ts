/** A workflow while it is being checked: what could be built of it, and where it stands in the file. */

import type { StoreSetting } from '../core/config.js';
import type { Policy } from '../core/policy.js';
import { paramValues } from '../core/resolve.js';
import { itemAt } from '../core/series.js';
import type { Param, Scalar, Step } from '../core/step.js';
import { parseTemplate } from '../core/template.js';
import type { Path } from './issue.js';
import type { Reporter } from './report-shape.js';

export interface DraftStep {
  readonly step: Step;
  /** As in the file: what was left out because it is wrong is still in it. */
  readonly raw: Readonly<Record<string, unknown>>;
  readonly at: Path;
}

export interface Draft extends Reporter {
  readonly folder: string;
  /** Those of the config with those of the file over them. */
  readonly stores: Readonly<Record<string, StoreSetting>>;
  /** Where records go; undefined if it is no place. */
  readonly cache: string | undefined;
  readonly params: Readonly<Record<string, Param>>;
  readonly policies: Readonly<Record<string, Policy>>;
  readonly steps: readonly DraftStep[];
}

const VALUES = new WeakMap<
  object,
  { readonly values: Readonly<Record<string, Scalar>>; readonly names: readonly string[] }
>();

function ofParams({ params }: Draft) {
  let known = VALUES.get(params);
  if (!known) {
    known = { values: paramValues({ params }), names: Object.keys(params) };
    VALUES.set(params, known);
  }
  return known;
}

/** Gathered once for a workflow, not for every text in it. */
export const valuesOf = (draft: Draft) => ofParams(draft).values;
export const namesOf = (draft: Draft) => ofParams(draft).names;

/** The path of a text in the file, which has short forms that the built step has not. */
export function filePath({ raw, at }: DraftStep, path: Path): Path {
  if (path[0] === 'memoize' && !hasPath(raw, path)) return ['defaults', ...path];
  const list = path[0] === 'when' && Array.isArray(raw['when']) ? ['when', ...path.slice(2)] : path;
  const short = list.at(-1) === 'path' && !hasPath(raw, list) ? list.slice(0, -1) : list;
  return [...at, ...short];
}

function hasPath(root: unknown, path: Path): boolean {
  let value = root;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Record<string | number, unknown>)[name];
  }
  return true;
}

/** The text for the first item: enough to see its shape. What does not stand for anything stays as it is. */
export function sample(text: string, { step }: DraftStep, draft: Draft): string {
  const values = { params: valuesOf(draft), each: itemAt(step.forEach, 0), unknown: {} };
  return parseTemplate(text)
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      const known: Readonly<Record<string, unknown>> = values[piece.source];
      return Object.hasOwn(known, piece.name) ? String(known[piece.name]) : piece.text;
    })
    .join('');
}

/** A marker that is written so stands for itself; any other is a name below its output's tree. */
export function isAbsolute(marker: string): boolean {
  return /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/|\/)/.test(marker);
}

/** A value of a workflow file -> a checked Workflow. Everything wrong is said at once: what is sound is checked in any case. */

import type { Config } from '../core/config.js';
import { ConfigError } from '../core/error.js';
import { parseLocation } from '../core/location.js';
import type { Policy } from '../core/policy.js';
import type { Param, Scalar, Workflow } from '../core/step.js';
import { buildPolicies } from './build-policies.js';
import { buildStep } from './build-step.js';
import { buildStores } from './build-stores.js';
import { checkGraph } from './check-graph.js';
import { checkOutputs } from './check-outputs.js';
import { checkOverlap } from './check-overlap.js';
import { checkReferences, refusePlaceholders } from './check-references.js';
import { checkSharedMarkers } from './check-shared-markers.js';
import type { Draft, DraftStep } from './draft.js';
import { type IssueCode, type Path, quote } from './issue.js';
import { prune, type Reporter, reportShape } from './report-shape.js';
import { stepSchema, type WorkflowInput, workflowSchema } from './schema.js';
import { warnSpelling } from './spelling.js';
import { oneOf } from './suggest.js';

export interface BuildOptions {
  readonly file: string;
  readonly folder: string;
  readonly given: Readonly<Record<string, string>>;
  readonly builtins: Readonly<Record<string, Policy>>;
  readonly config: Config;
}

export function buildWorkflow(value: unknown, options: BuildOptions, reporter: Reporter): Workflow | undefined {
  const head = readHead(value, reporter);
  if (!head) return undefined;
  const { issues } = reporter;
  const params = buildParams(head.params ?? {}, options.given, reporter);
  const known = { ...options.builtins, ...options.config.policies };
  const policies = buildPolicies(head.policies ?? {}, known, ['policies'], issues);
  const stores = buildStores(head.stores ?? {}, options.folder, ['stores'], issues);
  const cache = head.cache ?? '.stepaside/';
  const sound = checkCache(cache, reporter);
  const steps = readSteps((value as { steps?: unknown }).steps, head.defaults ?? {}, params, reporter);
  const draft: Draft = {
    ...reporter,
    folder: options.folder,
    stores: { ...options.config.stores, ...stores },
    cache: sound ? cache : undefined,
    params,
    policies,
    steps,
  };
  checkDefaults(head.defaults ?? {}, reporter);
  for (const check of [checkGraph, checkReferences, checkOutputs, checkSharedMarkers, checkOverlap]) {
    // The file is refused already, and nothing more would be listed.
    if (issues.overflow) issues.stop();
    else check(draft);
  }
  return {
    name: head.name,
    file: options.file,
    folder: options.folder,
    params,
    cache,
    stores,
    policies,
    steps: steps.map(({ step }) => step),
  };
}

function readHead(value: unknown, reporter: Reporter): Omit<WorkflowInput, 'steps'> | undefined {
  const parsed = workflowSchema.safeParse(stepsApart(value));
  if (parsed.success) return parsed.data;
  reportShape(parsed.error.issues, value, [], reporter);
  if (reporter.issues.overflow) return undefined;
  const rest = prune(value, parsed.error.issues, {
    params: 'x',
    policies: { extends: 'parts' },
    stores: undefined,
  });
  if (!rest) return undefined;
  const name = typeof rest['name'] === 'string' ? rest['name'] : 'unnamed';
  const again = workflowSchema.safeParse({ ...rest, name, steps: [HARMLESS] });
  return again.success ? again.data : undefined;
}

const HARMLESS = { name: 'x' };

/** Steps are looked at one by one, so that a mistake in one hides nothing in the others. */
function stepsApart(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const steps = (value as Record<string, unknown>)['steps'];
  // A list that is none, or empty, is left for the schema to refuse.
  return Array.isArray(steps) && steps.length > 0 ? { ...value, steps: [HARMLESS] } : value;
}

function readSteps(
  steps: unknown,
  defaults: NonNullable<WorkflowInput['defaults']>,
  params: Readonly<Record<string, Param>>,
  reporter: Reporter,
): readonly DraftStep[] {
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((raw: unknown, index): DraftStep[] => {
    const at: Path = ['steps', index];
    let parsed = stepSchema.safeParse(raw);
    if (!parsed.success) {
      reportShape(parsed.error.issues, raw, at, reporter);
      if (reporter.issues.overflow) return [];
      const rest = prune(raw, parsed.error.issues);
      if (!rest) return [];
      // A step without a usable name is checked all the same.
      parsed = stepSchema.safeParse({ ...rest, name: rest['name'] ?? `unnamed-${index + 1}` });
      if (!parsed.success) return [];
    }
    const step = buildStep(parsed.data, { ...reporter, at, defaults, params });
    return [{ step, raw: raw as Record<string, unknown>, at }];
  });
}

function buildParams(
  declared: NonNullable<WorkflowInput['params']>,
  given: Readonly<Record<string, string>>,
  reporter: Reporter,
): Readonly<Record<string, Param>> {
  const { issues } = reporter;
  const params: Record<string, Param> = {};
  for (const [name, input] of Object.entries(declared)) {
    const path: Path = ['params', name];
    const full = typeof input === 'object' ? input : { default: input };
    warnSpelling(full.default, typeof input === 'object' ? [...path, 'default'] : path, reporter);
    if (typeof full.default === 'string')
      refusePlaceholders(full.default, path, 'the value of a param is literal', reporter);
    const text = Object.hasOwn(given, name) ? given[name] : undefined;
    const value = text === undefined ? full.default : like(full.default, text);
    if (value === undefined)
      issues.error('config/missing-param', path, 'the param has no value', {
        part: 'key',
        hint: 'give it one when you call, or write a default',
      });
    if (text !== undefined && (!text.isWellFormed() || text.includes('\0')))
      issues.error('config/bad-value', path, 'the value that was given cannot be written as text', { part: 'key' });
    params[name] = { ...(value !== undefined && { value }), secret: full.secret ?? false };
  }
  for (const name of Object.keys(given))
    if (!Object.hasOwn(declared, name))
      issues.error('config/unknown-param', ['params'], `a value was given for ${quote(name)}, which is no param here`, {
        part: 'key',
        hint: oneOf(name, Object.keys(declared)),
      });
  return params;
}

/** A given `5` means what a written `5` means, or the key would tell two equal calls apart. */
function like(model: Scalar | undefined, text: string): Scalar {
  if (typeof model === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  const number = Number(text);
  const exact =
    String(number) === text && Number.isFinite(number) && !(Number.isInteger(number) && !Number.isSafeInteger(number));
  return typeof model === 'number' && exact ? number : text;
}

function checkCache(cache: string, { issues }: Reporter): boolean {
  refusePlaceholders(cache, ['cache'], 'the cache is one place for all runs', { issues });
  try {
    parseLocation(cache);
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    issues.error(error.code as IssueCode, ['cache'], error.message, { hint: error.hint });
    return false;
  }
}

function checkDefaults({ memoize }: NonNullable<WorkflowInput['defaults']>, { issues }: Reporter): void {
  if (memoize?.maxAge === undefined || memoize.maxStaleness === undefined) return;
  issues.error(
    'config/conflict',
    ['defaults', 'memoize', 'maxStaleness'],
    'maxStaleness is maxAge on a track of its own',
    {
      part: 'key',
      hint: 'keep one of them',
    },
  );
}

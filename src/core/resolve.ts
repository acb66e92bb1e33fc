/** One instance of a step with its values in place; what was written stays beside it, because keys are made of that. */
import type { Condition, PathQuestion } from './condition.js';
import type { Json } from './encoding.js';
import { type Item, instanceName, items } from './series.js';
import type { Command, Need, Output, Scalar, Script, Step, Workflow } from './step.js';
import { placeholders, type Scope, substitute, type Use } from './template.js';

/** What of a step a text belongs to, for `references`. */
export type FieldGroup = 'command' | 'env' | 'image' | 'needs' | 'when' | 'inputs' | 'outputs' | 'key';

export interface Resolved {
  readonly needs: readonly Need[];
  readonly when?: Condition;
  readonly run?: Command;
  readonly script?: Script;
  readonly image?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly inputs: {
    /** Globs; values in them are escaped with a backslash where a character has a meaning. */
    readonly files: readonly string[];
    readonly paths: readonly string[];
    readonly values: Readonly<Record<string, Json>>;
  };
  readonly outputs: readonly Output[];
  readonly validate?: Command;
  /** The author's own `memoize.key`. */
  readonly key?: string;
}

export interface StepInstance {
  /** `report[2024-01-01]`; the step's own name where there is no `forEach`. */
  readonly name: string;
  readonly step: Step;
  readonly item: Item;
  readonly resolved: Resolved;
}

/** Called with every text of a step that may hold placeholders; what it returns takes the text's place. */
export type Visit = (
  text: string,
  at: { readonly group: FieldGroup; readonly as: Use; readonly path: readonly (string | number)[] },
) => string;

export function resolveStep(workflow: Workflow, step: Step, item: Item = {}): StepInstance {
  return new Instance(workflow, step, item);
}

/** Of a million items each is resolved when somebody looks at it, and again when somebody comes back much later. */
class Instance implements StepInstance {
  readonly name: string;
  readonly step: Step;
  readonly item: Item;
  readonly #workflow: Workflow;

  constructor(workflow: Workflow, step: Step, item: Item) {
    this.name = instanceName(step.name, step.forEach, item);
    this.step = step;
    this.item = item;
    this.#workflow = workflow;
  }

  get resolved(): Resolved {
    const known = RECENT.get(this);
    if (known) return known;
    const scope: Scope = { params: paramValues(this.#workflow), each: this.item };
    const resolved = mapTexts(this.step, (text, { as }) => substitute(text, scope, { as }));
    RECENT.set(this, resolved);
    if (RECENT.size > MOST_RECENT) RECENT.delete(RECENT.keys().next().value!);
    return resolved;
  }
}

const MOST_RECENT = 1024;
const RECENT = new Map<Instance, Resolved>();

/** One instance for each item; one alone where there is no `forEach`. */
export function* instancesOf(workflow: Workflow, step: Step): Generator<StepInstance> {
  for (const item of items(step.forEach)) yield resolveStep(workflow, step, item);
}

export function paramValues(workflow: Pick<Workflow, 'params'>): Readonly<Record<string, Scalar>> {
  const values: Record<string, Scalar> = {};
  for (const [name, { value }] of Object.entries(workflow.params)) if (value !== undefined) values[name] = value;
  return values;
}

/** The parameters that a step names, by where it names them; sorted, each once. Items of `forEach` are not parameters. */
export function references(step: Step): Readonly<Partial<Record<FieldGroup, readonly string[]>>> {
  const found: Partial<Record<FieldGroup, Set<string>>> = {};
  mapTexts(step, (text, { group }) => {
    for (const { source, name } of placeholders(text)) {
      if (source !== 'params') continue;
      found[group] ??= new Set();
      found[group].add(name);
    }
    return text;
  });
  return Object.fromEntries(Object.entries(found).map(([group, names]) => [group, [...names].sort()]));
}

/** The one list of the places where placeholders may stand. Paths are those of the workflow file. */
export function mapTexts(step: Step, visit: Visit): Resolved {
  const command = (value: Command, path: readonly (string | number)[], group: FieldGroup): Command =>
    typeof value === 'string'
      ? visit(value, { group, as: 'shell', path })
      : value.map((text, index) => visit(text, { group, as: 'argv', path: [...path, index] }));
  const locations = (list: readonly string[], name: 'files' | 'paths') =>
    list.map((text, index) =>
      visit(text, { group: 'inputs', as: name === 'files' ? 'glob' : 'location', path: ['inputs', name, index] }),
    );
  return {
    needs: step.needs.map((need, index) =>
      need.item === undefined
        ? need
        : { ...need, item: visit(need.item, { group: 'needs', as: 'text', path: ['needs', index] }) },
    ),
    ...(step.when && { when: mapCondition(step.when, ['when'], visit) }),
    ...(step.run !== undefined && { run: command(step.run, ['run'], 'command') }),
    ...(step.script && { script: step.script }),
    ...(step.image !== undefined && { image: visit(step.image, { group: 'image', as: 'text', path: ['image'] }) }),
    env: mapRecord(step.env, (text, name) => visit(text, { group: 'env', as: 'text', path: ['env', name] })),
    inputs: {
      files: locations(step.inputs.files, 'files'),
      paths: locations(step.inputs.paths, 'paths'),
      values: mapRecord(step.inputs.values, (value, name) => mapJson(value, ['inputs', 'values', name], visit)),
    },
    outputs: step.outputs.map((output, index) => mapOutput(output, ['outputs', index], visit, command)),
    ...(step.validate !== undefined && { validate: command(step.validate, ['validate'], 'command') }),
    ...(step.memoize.key !== undefined && {
      key: visit(step.memoize.key, { group: 'key', as: 'text', path: ['memoize', 'key'] }),
    }),
  };
}

type PathTo = readonly (string | number)[];

function mapOutput(
  output: Output,
  path: PathTo,
  visit: Visit,
  command: (value: Command, path: PathTo, group: FieldGroup) => Command,
): Output {
  const text = (field: 'path' | 'marker' | 'content', as: Use) => {
    const value = output[field];
    return value === undefined ? {} : { [field]: visit(value, { group: 'outputs', as, path: [...path, field] }) };
  };
  return {
    ...output,
    ...text('path', 'location'),
    ...text('marker', 'location'),
    ...text('content', 'text'),
    ...(output.probe !== undefined && { probe: command(output.probe, [...path, 'probe'], 'outputs') }),
  };
}

function mapCondition(condition: Condition, path: PathTo, visit: Visit): Condition {
  const each = <T>(list: readonly T[], name: string, map: (item: T, path: PathTo) => T) =>
    list.map((item, index) => map(item, [...path, name, index]));
  const question = (item: PathQuestion, at: PathTo) => mapQuestion(item, at, visit);
  const part = (item: Condition, at: PathTo) => mapCondition(item, at, visit);
  if ('pathExists' in condition) return { pathExists: each(condition.pathExists, 'pathExists', question) };
  if ('pathNotExists' in condition) return { pathNotExists: each(condition.pathNotExists, 'pathNotExists', question) };
  if ('all' in condition) return { all: each(condition.all, 'all', part) };
  if ('any' in condition) return { any: each(condition.any, 'any', part) };
  return { not: mapCondition(condition.not, [...path, 'not'], visit) };
}

function mapQuestion(question: PathQuestion, path: PathTo, visit: Visit): PathQuestion {
  const text = (value: string, field: string, as: Use) => visit(value, { group: 'when', as, path: [...path, field] });
  if ('glob' in question) return { ...question, glob: text(question.glob, 'glob', 'glob') };
  return {
    ...question,
    path: text(question.path, 'path', 'location'),
    ...(question.marker !== undefined && { marker: text(question.marker, 'marker', 'location') }),
    ...(question.content !== undefined && { content: text(question.content, 'content', 'text') }),
  };
}

function mapJson(value: Json, path: PathTo, visit: Visit): Json {
  if (typeof value === 'string') return visit(value, { group: 'inputs', as: 'text', path });
  if (value === null || typeof value !== 'object' || value instanceof Map) return value;
  if (Array.isArray(value)) return value.map((item, index) => mapJson(item, [...path, index], visit));
  return mapRecord(value as Readonly<Record<string, Json>>, (item, name) => mapJson(item, [...path, name], visit));
}

function mapRecord<T>(record: Readonly<Record<string, T>>, map: (value: T, name: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}

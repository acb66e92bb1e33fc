/** A step as the file says it -> a step as the engine knows it, defaults filled in. */
import type { Condition, PathQuestion } from '../core/condition.js';
import { parseDuration } from '../core/duration.js';
import type { Json } from '../core/encoding.js';
import type { Inputs, Memoize, Need, Output, Param, Step } from '../core/step.js';
import { buildSeries } from './build-series.js';
import type { Path } from './issue.js';
import type { Reporter } from './report-shape.js';
import type { ConditionInput, MemoizeInput, OutputInput, QuestionInput, StepInput, WorkflowInput } from './schema.js';
import { warnSpelling } from './spelling.js';

export interface StepContext extends Reporter {
  readonly at: Path;
  readonly defaults: NonNullable<WorkflowInput['defaults']>;
  readonly params: Readonly<Record<string, Param>>;
}

export const NEED = /^([^[\]]+)(?:\[(.+)\])?$/s;

export function buildStep(input: StepInput, context: StepContext): Step {
  const { at, defaults } = context;
  const timeout = input.timeout ?? defaults.timeout;
  const when = input.when === undefined ? undefined : buildWhen(input.when);
  return {
    name: input.name,
    needs: (input.needs ?? []).map(buildNeed),
    ...(when && { when }),
    ...(input.run !== undefined && { run: input.run }),
    ...(input.script && { script: { interpreter: [input.script.interpreter].flat(), source: input.script.source } }),
    ...(input.image !== undefined && { image: input.image }),
    env: buildEnv(input.env ?? {}, [...at, 'env'], context),
    inputs: buildInputs(input.inputs),
    outputs: (input.outputs ?? []).map((output, index, { length }) =>
      buildOutput(output, length === 1 ? 'output' : `output-${index + 1}`),
    ),
    policy: input.policy ?? defaults.policy ?? 'parts',
    memoize: buildMemoize(input.memoize ?? {}, defaults.memoize ?? {}),
    memo: input.memo ?? false,
    forEach: buildSeries(input.forEach ?? {}, context),
    retries: input.retries ?? defaults.retries ?? 0,
    ...(timeout !== undefined && { timeoutMs: toMs(timeout) }),
    ...(input.validate !== undefined && { validate: input.validate }),
    ...(input.whenUnknown && { whenUnknown: input.whenUnknown }),
  };
}

function buildNeed(need: NonNullable<StepInput['needs']>[number]): Need {
  const text = typeof need === 'string' ? need : need.step;
  const [, step = text, item] = NEED.exec(text) ?? [];
  return { step, ...(item !== undefined && { item }), order: typeof need === 'object' && need.order === true };
}

function buildWhen(input: NonNullable<StepInput['when']>): Condition {
  return Array.isArray(input) ? { all: input.map(buildCondition) } : buildCondition(input);
}

function buildCondition(input: ConditionInput): Condition {
  if ('pathExists' in input) return { pathExists: input.pathExists.map(buildQuestion) };
  if ('pathNotExists' in input) return { pathNotExists: input.pathNotExists.map(buildQuestion) };
  if ('all' in input) return { all: input.all.map(buildCondition) };
  if ('any' in input) return { any: input.any.map(buildCondition) };
  return { not: buildCondition(input.not) };
}

function buildQuestion(input: QuestionInput): PathQuestion {
  return typeof input === 'string' ? { path: input } : defined(input);
}

function buildEnv(input: NonNullable<StepInput['env']>, at: Path, context: StepContext): Record<string, string> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      warnSpelling(value, [...at, name], context);
      return [name, String(value)];
    }),
  );
}

function buildInputs(input: StepInput['inputs']): Inputs {
  return {
    ...(input?.params && { params: input.params }),
    files: input?.files ?? [],
    paths: input?.paths ?? [],
    // Whatever YAML can say is JSON: the reader lets nothing else through.
    values: (input?.values ?? {}) as Readonly<Record<string, Json>>,
  };
}

function buildOutput(input: OutputInput, name: string): Output {
  const marker = input.marker ?? (input.match === 'stepaside' ? '_stepaside.json' : undefined);
  return {
    ...defined(input),
    name: input.name ?? name,
    keep: input.keep ?? 'place',
    ...(marker !== undefined && { marker }),
    markerBy: input.markerBy ?? (input.match && !isSuccess(marker) ? 'stepaside' : 'producer'),
    atomic: input.atomic ?? false,
    hash: input.hash ?? 'auto',
  };
}

/** `_SUCCESS` is always the producer's; a marker that holds a key is ours, since we are the ones who know the key. */
export function isSuccess(marker: string | undefined): boolean {
  return marker !== undefined && marker.split('/').at(-1) === '_SUCCESS';
}

function buildMemoize(input: MemoizeInput, defaults: MemoizeInput): Memoize {
  // maxAge and maxStaleness are two answers to one question: a step's own answer replaces the default one.
  const aged = input.maxAge !== undefined || input.maxStaleness !== undefined;
  const { maxAge, maxStaleness } = aged ? input : defaults;
  const key = input.key ?? defaults.key;
  const scope = input.scope ?? defaults.scope;
  const seed = input.seed ?? defaults.seed;
  return {
    ...(key !== undefined && { key }),
    ...(scope !== undefined && { scope }),
    ...(maxAge !== undefined && { maxAgeMs: toMs(maxAge) }),
    ...(maxStaleness !== undefined && { maxStalenessMs: toMs(maxStaleness) }),
    ...(seed !== undefined && { seed: String(seed) }),
    waitMs: toMs(input.wait ?? defaults.wait ?? '10m'),
    attempts: input.attempts ?? defaults.attempts ?? 3,
  };
}

/** Only for what the schema has let through. */
export function toMs(duration: string | 0): number {
  const parsed = duration === 0 ? { ok: true as const, ms: 0 } : parseDuration(duration);
  return parsed.ok ? parsed.ms : Number.MAX_SAFE_INTEGER;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Optional fields of the schema may be `undefined`; ours are there or not. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}

import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, EMPTY_CONFIG } from './core/config.js';
import type { Json } from './core/encoding.js';
import { ConfigError, StepError } from './core/error.js';
import { REASONS } from './core/reason.js';
import { instancesOf, resolveStep, type StepInstance } from './core/resolve.js';
import type { Output, Workflow } from './core/step.js';
import type { Execute, Executed } from './engine/engine.js';
import type { Event, Outcome } from './engine/events.js';
import { executor, logsFolder } from './engine/execute.js';
import { newRun } from './engine/journal.js';
import { type Ran, runWorkflow } from './engine/run.js';
import { type OpenEngine, openEngine } from './open-engine.js';

export interface StepasideOptions {
  /** Where records and leases are: a folder, `s3://bucket/prefix`, `pvc://claim/path`. Default `.stepaside/`. */
  readonly cache?: string;
  /** What relative paths are relative to. Default: the current folder. */
  readonly folder?: string;
  /** Part of every key's scope. Default `library`. */
  readonly name?: string;
  readonly endpointUrl?: string;
  /** Ends what runs and gives leases back. */
  readonly signal?: AbortSignal;
}

/** As in the workflow file, without `run`: the function is what runs. */
export interface StepOptions {
  readonly name: string;
  readonly inputs?: {
    readonly files?: readonly string[];
    readonly paths?: readonly string[];
    readonly values?: Readonly<Record<string, Json>>;
  };
  readonly outputs?: readonly Readonly<Record<string, string | number | boolean>>[];
  readonly policy?: string;
  readonly memoize?: Readonly<Record<string, string | number>>;
  readonly retries?: number;
}

export interface StepContext {
  readonly key: string | undefined;
  readonly run: string;
  /** Aborts when the run is interrupted. */
  readonly signal: AbortSignal | undefined;
}

/** Looks first; calls the function only if what it would make is not there already. */
export type StepFunction<A extends readonly Json[], T> = (...args: A) => Promise<T>;

export interface RunOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly concurrency?: number;
  readonly keepGoing?: boolean;
  readonly force?: boolean;
  readonly materialize?: boolean;
}

export interface Stepaside {
  /**
   * A function whose work is done once. What it returns is JSON and lives in the record; what it leaves at `outputs` is
   * looked at before it is skipped. Its arguments and its source text enter the key; what its closure holds does not: name
   * that in `inputs.values`.
   */
  step<A extends readonly Json[], T extends Json | undefined>(
    options: StepOptions,
    fn: (this: StepContext, ...args: A) => T | Promise<T>,
  ): StepFunction<A, T>;
  /** A workflow file, as `stepaside run` runs it. */
  run(file: string, options?: RunOptions): Promise<Ran>;
  /** What happens from now on, until `close`. */
  events(): AsyncIterable<Event>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * @example
 * const flow = stepaside({ cache: '.stepaside/' });
 * const count = flow.step({ name: 'count', inputs: { files: ['words.txt'] } }, async () => 42);
 * await count(); // 42, computed
 * await count(); // 42, from the record
 * await flow.close();
 */
export function stepaside(options: StepasideOptions = {}): Stepaside {
  const folder = resolve(options.folder ?? '.');
  const queues = new Set<Queue<Event>>();
  const engines = new Map<string, Promise<OpenEngine>>();
  const functions = new Map<string, () => Promise<Executed>>();
  const onEvent = (event: Event) => {
    for (const queue of queues) queue.push(event);
  };

  function open(config: Config, cache: string, at: string, execute: Execute): Promise<OpenEngine> {
    const name = JSON.stringify([cache, at]);
    let engine = engines.get(name);
    if (!engine) {
      const { env } = process;
      const surroundings = { config, folder: at, endpointUrl: options.endpointUrl };
      engine = openEngine({ cache, surroundings, secret: env['STEPASIDE_SECRET'], execute, events: onEvent });
      engines.set(name, engine);
    }
    return engine;
  }

  async function once(
    definition: StepOptions,
    source: string,
    args: readonly Json[],
    call: Call,
  ): Promise<Json | undefined> {
    const { workflow, config } = await loadStep(definition, { folder, name: options.name ?? 'library', source, args });
    const instance = resolveStep(workflow, workflow.steps[0]!);
    const engine = await open(config, options.cache ?? '.stepaside/', folder, (task) =>
      (functions.get(task.run) ?? (() => Promise.resolve({ exitCode: 0 })))(),
    );
    const run = newRun();
    let thrown: unknown;
    functions.set(run, async () => {
      try {
        const value = await call({ key: undefined, run, signal: options.signal });
        return value === undefined ? { exitCode: 0 } : { exitCode: 0, value: JSON.stringify(value) };
      } catch (error) {
        thrown = error;
        return { exitCode: 1, why: error instanceof Error ? error.message : String(error) };
      }
    });
    try {
      const { outcomes } = await runWorkflow(
        engine,
        workflow,
        askedFor(run, [instance], { concurrency: 1, materialize: true }, options.signal),
      );
      return valueFrom(instance.name, outcomes.get(instance.name)!, thrown);
    } finally {
      functions.delete(run);
    }
  }

  const flow: Stepaside = {
    step(definition, fn) {
      return async (...args) =>
        (await once(definition, fn.toString(), args, async (context) => fn.call(context, ...args))) as Awaited<
          ReturnType<typeof fn>
        >;
    },
    async run(file, asked = {}) {
      const { loadWorkflow } = await import('./spec/load.js');
      const loaded = loadWorkflow({ file: resolve(folder, file), ...(asked.params && { params: asked.params }) });
      if (!loaded.ok) throw await mistakes(loaded.issues);
      const { workflow, config } = loaded;
      const stores = { ...config.stores, ...workflow.stores };
      const logs = logsFolder(workflow);
      const engine = await open(
        { ...config, stores },
        options.cache ?? workflow.cache,
        workflow.folder,
        executor({ env: process.env, logs }),
      );
      const all = workflow.steps.flatMap((step) => [...instancesOf(workflow, step)]);
      return runWorkflow(engine, workflow, {
        ...askedFor(newRun(), all, asked, options.signal),
        selection: { chosen: all, named: false, only: false },
      });
    },
    events() {
      const queue = new Queue<Event>(() => queues.delete(queue));
      queues.add(queue);
      return queue;
    },
    async close() {
      for (const queue of queues) queue.end();
      await Promise.all([...engines.values()].map(async (engine) => (await engine).close()));
      engines.clear();
    },
    [Symbol.asyncDispose]: () => flow.close(),
  };
  return flow;
}

type Call = (context: StepContext) => Promise<Json | undefined>;

function askedFor(run: string, chosen: readonly StepInstance[], asked: RunOptions, signal: AbortSignal | undefined) {
  return {
    run,
    selection: { chosen, named: true, only: true },
    concurrency: asked.concurrency ?? availableParallelism(),
    keepGoing: asked.keepGoing ?? false,
    materialize: asked.materialize ?? false,
    force: asked.force ?? false,
    forceDownstream: false,
    readOff: false,
    writeOff: false,
    signal,
  };
}

const VALUE: Output = { name: 'value', keep: 'place', markerBy: 'producer', atomic: false, hash: 'never' };

/** A step as a workflow of one, checked like any other. */
async function loadStep(
  { inputs, outputs = [], ...step }: StepOptions,
  {
    folder,
    name,
    source,
    args,
  }: { readonly folder: string; readonly name: string; readonly source: string; readonly args: readonly Json[] },
): Promise<{ readonly workflow: Workflow; readonly config: Config }> {
  const { loadWorkflowValue } = await import('./spec/load.js');
  const value = {
    apiVersion: 'stepaside/v1',
    kind: 'Workflow',
    name,
    steps: [
      {
        ...step,
        script: { interpreter: ['node'], source },
        inputs: { ...inputs, values: { ...inputs?.values, args: encodable(args) } },
        ...(outputs.length > 0 && { outputs }),
      },
    ],
  };
  const loaded = loadWorkflowValue({ value, file: join(folder, `${step.name} (a step of the library)`) });
  if (!loaded.ok) throw await mistakes(loaded.issues);
  const [checked] = loaded.workflow.steps;
  // What the function returns has its proof in the record; with outputs as well, both must hold.
  const withValue = { ...checked!, outputs: [...checked!.outputs, VALUE] };
  return { workflow: { ...loaded.workflow, steps: [withValue] }, config: { ...EMPTY_CONFIG, ...loaded.config } };
}

/** Arguments as text: braces in them are no placeholders of ours. */
function encodable(args: readonly Json[]): string {
  return JSON.stringify(args).replaceAll('{{', '{\\u007b');
}

async function mistakes(issues: readonly import('./spec/issue.js').Issue[]): Promise<ConfigError> {
  const { formatIssue } = await import('./spec/issue.js');
  return new ConfigError('config/workflow', issues.map(formatIssue).join('\n'));
}

function valueFrom(step: string, outcome: Outcome, thrown: unknown): Json | undefined {
  switch (outcome.status) {
    case 'avoided':
    case 'ran':
      return outcome.value === undefined ? undefined : (JSON.parse(outcome.value) as Json);
    case 'failed':
      throw thrown ?? new StepError('step/failed', step, `${step}: ${outcome.why}`);
    case 'refused':
      throw new StepError('step/refused', step, `${step} is refused: ${REASONS[outcome.verdict.reason]}`);
    case 'not-begun':
      throw new StepError('step/interrupted', step, `${step}: ${outcome.why}`);
    default:
      return outcome satisfies never;
  }
}

/** Holds what nobody has read yet. */
class Queue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #gone: () => void;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(gone: () => void) {
    this.#gone = gone;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        while (this.#items.length > 0) yield this.#items.shift()!;
        if (this.#ended) return;
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
      }
    } finally {
      this.#gone();
    }
  }
}

import { type Config, EMPTY_CONFIG } from '../core/config.js';
import { instancesOf, resolveStep, type StepInstance } from '../core/resolve.js';
import { countItems, instanceName, itemAt, seriesIndexOf, seriesItem } from '../core/series.js';
import type { Step, Workflow } from '../core/step.js';
import type { Surroundings } from '../preset.js';
import { findConfig } from '../spec/find-config.js';
import { suggest } from '../spec/suggest.js';
import { type Args, UsageError } from './command.js';
import type { Terminal } from './terminal.js';

const DEFAULT_FILE = 'stepaside.yaml';

export interface Loaded {
  readonly ok: true;
  readonly workflow: Workflow;
  readonly surroundings: Surroundings & { readonly config: Config };
  /** Something was said about the workflow: it is said each time. */
  readonly warned: boolean;
}

/** The workflow that -f names, checked. What is wrong with it has been told when this is not ok. */
export async function loadWork(args: Args, terminal: Terminal): Promise<Loaded | { readonly ok: false }> {
  const file = args.one('file') ?? (terminal.env['STEPASIDE_FILE'] || DEFAULT_FILE);
  const [{ loadWorkflow }, { optimizeLate }] = await Promise.all([import('../spec/load.js'), import('./v8-flags.js')]);
  optimizeLate();
  const loaded = loadWorkflow({ file, params: givenParams(args) });
  if (!loaded.ok) {
    await tell(loaded.issues, args, terminal);
    return { ok: false };
  }
  await tell(loaded.warnings, args, terminal);
  const { workflow, config } = loaded;
  // What the workflow says of a store is said for itself: it lies over what the config says for all.
  const all = { ...config, stores: { ...config.stores, ...workflow.stores } };
  return {
    ok: true,
    workflow,
    surroundings: surroundingsOf(all, workflow.folder, args, terminal),
    warned: loaded.warnings.length > 0,
  };
}

/** Without a workflow: the config that is found upward from here. */
export async function loadSurroundings(
  args: Args,
  terminal: Terminal,
): Promise<(Surroundings & { readonly config: Config }) | undefined> {
  let config = EMPTY_CONFIG;
  if (findConfig(terminal.cwd) !== undefined) {
    const { loadConfig } = await import('../spec/load-config.js');
    const loaded = loadConfig({ folder: terminal.cwd });
    await tell(loaded.ok ? loaded.warnings : loaded.issues, args, terminal);
    if (!loaded.ok) return undefined;
    config = loaded.config;
  }
  return surroundingsOf(config, terminal.cwd, args, terminal);
}

function surroundingsOf(
  config: Config,
  folder: string,
  args: Args,
  { env }: Terminal,
): Surroundings & { readonly config: Config } {
  const wire = env['STEPASIDE_S3'];
  if (wire !== undefined && wire !== 'lean' && wire !== 'sdk')
    throw new UsageError(`STEPASIDE_S3=${wire}: lean or sdk`);
  return { config, folder, endpointUrl: args.one('endpoint-url') ?? env['STEPASIDE_ENDPOINT_URL'], wire };
}

type Issues = readonly import('../spec/issue.js').Issue[];

export async function tell(issues: Issues, args: Args, terminal: Terminal): Promise<void> {
  if (issues.length === 0) return;
  const { formatIssue } = await import('../spec/issue.js');
  const errors = issues.some(({ severity }) => severity === 'error');
  if (args.on('json') && errors) terminal.json('validate', { exitCode: 2, issues });
  for (const issue of issues) {
    if (issue.severity === 'error') process.stderr.write(`${formatIssue(issue)}\n`);
    else terminal.note(formatIssue(issue));
  }
}

export function givenParams(args: Args): Readonly<Record<string, string>> {
  return Object.fromEntries(
    args.all('param').map((text) => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new UsageError('a --param is written NAME=VALUE');
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/** The instances that are named (all, where none is): `report` is all its items, `report[2024-01-01]` one. */
export function* selectInstances(workflow: Workflow, names: readonly string[]): Generator<StepInstance> {
  const chosen = names.map((name) => findStep(workflow, name));
  if (names.length === 0) for (const step of workflow.steps) yield* instancesOf(workflow, step);
  for (const { step, item } of chosen) {
    if (item === undefined) yield* instancesOf(workflow, step);
    else yield resolveStep(workflow, step, item);
  }
}

function findStep(workflow: Workflow, name: string): { step: Step; item?: StepInstance['item'] } {
  const [, base = name, inside] = /^([^[\]]+)\[(.*)\]$/s.exec(name) ?? [];
  const step = workflow.steps.find((s) => s.name === base);
  if (!step) {
    const near = suggest(
      base,
      workflow.steps.map((s) => s.name),
    );
    throw new UsageError(
      `there is no step ${base} in ${workflow.file}`,
      near === undefined
        ? `its steps: ${workflow.steps
            .map((s) => s.name)
            .slice(0, 10)
            .join(', ')}`
        : `did you mean ${near}?`,
    );
  }
  if (inside === undefined) return { step };
  const item = itemOf(step, inside);
  if (!item)
    throw new UsageError(
      `step ${base} has no item ${inside}`,
      `it has ${countItems(step.forEach)} items, the first is ${instanceName(step.name, step.forEach, itemAt(step.forEach, 0))}`,
    );
  return { step, item };
}

/** Values in the order of `forEach`; a value that holds a comma itself is found by trying every cut. */
function itemOf(step: Step, text: string): StepInstance['item'] | undefined {
  const [entry, ...rest] = Object.entries(step.forEach);
  if (!entry) return undefined;
  return matchItem(entry, rest, text);
}

type Entry = [name: string, series: Step['forEach'][string]];

function matchItem(
  [name, series]: Entry,
  rest: readonly Entry[],
  text: string,
): Record<string, string | number | boolean> | undefined {
  const [next, ...others] = rest;
  const cuts = next ? [...text].flatMap((char, i) => (char === ',' ? [i] : [])) : [text.length];
  for (const cut of cuts) {
    const index = seriesIndexOf(series, text.slice(0, cut));
    if (index < 0) continue;
    const tail = next ? matchItem(next, others, text.slice(cut + 1)) : {};
    if (tail) return { [name]: seriesItem(series, index), ...tail };
  }
  return undefined;
}

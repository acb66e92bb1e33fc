/** A workflow file -> a checked Workflow, or everything that is wrong with it. Nothing runs before this says ok. */
import { dirname, resolve } from 'node:path';
import type { Config } from '../core/config.js';
import { POLICIES } from '../core/policies.js';
import type { Policy } from '../core/policy.js';
import type { Workflow } from '../core/step.js';
import { buildWorkflow } from './build-workflow.js';
import { checkTree } from './check-value.js';
import { type Issue, Issues } from './issue.js';
import { fileIssue, loadConfig } from './load-config.js';
import { type ReadFile, readText } from './read-file.js';
import { readYaml } from './read-yaml.js';
import type { Reporter } from './report-shape.js';

export const MAX_WORKFLOW_BYTES = 16_777_216;

export type Loaded =
  | { readonly ok: true; readonly workflow: Workflow; readonly config: Config; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

interface Common {
  /** Values for params, as text from a command line. */
  readonly params?: Readonly<Record<string, string>>;
  /** Default: the six that ship. */
  readonly builtins?: Readonly<Record<string, Policy>>;
  /** Default: found upward from the workflow's folder. */
  readonly config?: Config;
}

export interface LoadOptions extends Common {
  readonly file: string;
  readonly maxBytes?: number;
  readonly readFile?: ReadFile;
}

export function loadWorkflow(options: LoadOptions): Loaded {
  const read = readText(options.file, options.maxBytes ?? MAX_WORKFLOW_BYTES, options.readFile);
  if (!read.ok) return { ok: false, issues: [fileIssue(options.file, read)] };
  return loadWorkflowText({ ...options, text: read.text });
}

/** The same from a text; `file` is what messages call it, and its folder is the workflow's. */
export function loadWorkflowText(options: Common & { readonly text: string; readonly file: string }): Loaded {
  const { value, locator, issues } = readYaml(options.text, options.file);
  return check(value, options, { issues, locator });
}

/** The same from a value, for the library. Its limits are wider, since somebody's own program made it. */
export function loadWorkflowValue(options: Common & { readonly value: unknown; readonly file: string }): Loaded {
  const locator = { file: options.file, locate: () => ({ line: 1, col: 1 }), written: () => undefined };
  const issues = new Issues(locator);
  const sound = checkTree(options.value, issues, { depth: 64, values: 50_000_000 });
  return check(sound ? options.value : undefined, options, { issues, locator });
}

function check(value: unknown, options: Common & { readonly file: string }, reporter: Reporter): Loaded {
  const { issues } = reporter;
  const { builtins = POLICIES, params = {} } = options;
  const folder = dirname(resolve(options.file));
  const loaded = options.config
    ? { ok: true as const, config: options.config, warnings: [] }
    : loadConfig({ folder, builtins });
  if (!loaded.ok) return { ok: false, issues: [...loaded.issues, ...issues.all()] };
  const { config } = loaded;
  const workflow =
    value === undefined
      ? undefined
      : buildWorkflow(value, { file: options.file, folder, given: params, builtins, config }, reporter);
  if (!workflow || issues.hasErrors) return { ok: false, issues: issues.all() };
  return { ok: true, workflow, config, warnings: [...loaded.warnings, ...issues.all()] };
}

/** `stepaside.config.yaml`, found upward from the workflow's folder; no file is fine. */
import { dirname, resolve } from 'node:path';
import { type Config, EMPTY_CONFIG } from '../core/config.js';
import { POLICIES } from '../core/policies.js';
import type { Policy } from '../core/policy.js';
import { buildConfig } from './build-config.js';
import { findConfig } from './find-config.js';
import { type Issue, Issues } from './issue.js';
import { type ReadFile, readText } from './read-file.js';
import { readYaml } from './read-yaml.js';

export const MAX_CONFIG_BYTES = 1_048_576;

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export interface LoadConfigOptions {
  /** Where the search begins. */
  readonly folder: string;
  readonly builtins?: Readonly<Record<string, Policy>>;
  readonly maxBytes?: number;
  readonly readFile?: ReadFile;
}

export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const file = findConfig(options.folder);
  if (file === undefined) return { ok: true, config: EMPTY_CONFIG, warnings: [] };
  const read = readText(file, options.maxBytes ?? MAX_CONFIG_BYTES, options.readFile);
  if (!read.ok) return { ok: false, issues: [fileIssue(file, read)] };
  return loadConfigText({ text: read.text, file, ...(options.builtins && { builtins: options.builtins }) });
}

export function loadConfigText(options: {
  readonly text: string;
  readonly file: string;
  readonly builtins?: Readonly<Record<string, Policy>>;
}): LoadedConfig {
  const { text, file, builtins = POLICIES } = options;
  const { value, locator, issues } = readYaml(text, file);
  // A file of comments only is one that says nothing yet.
  if (issues.all().every(({ code }) => code === 'config/empty') && value === undefined)
    return { ok: true, config: { ...EMPTY_CONFIG, file }, warnings: [] };
  const folder = dirname(resolve(file));
  const config = value === undefined ? undefined : buildConfig(value, { file, folder, builtins }, { issues, locator });
  if (!config || issues.hasErrors) return { ok: false, issues: issues.all() };
  return { ok: true, config, warnings: issues.all() };
}

/** An issue with the file as a whole. */
export function fileIssue(file: string, { code, message, hint }: Pick<Issue, 'code' | 'message' | 'hint'>): Issue {
  const issues = new Issues({ file, locate: () => ({ line: 1, col: 1 }), written: () => undefined });
  issues.error(code, [], message, { hint });
  return issues.all()[0]!;
}

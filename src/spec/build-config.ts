/** A value of `stepaside.config.yaml` -> a checked Config. */
import { resolve } from 'node:path';
import type { Config, Keep, Workspace } from '../core/config.js';
import { ConfigError } from '../core/error.js';
import { parseLocation } from '../core/location.js';
import type { Policy } from '../core/policy.js';
import { buildPolicies } from './build-policies.js';
import { defined, toMs } from './build-step.js';
import { buildStores } from './build-stores.js';
import { refusePlaceholders } from './check-references.js';
import type { IssueCode, Path } from './issue.js';
import { prune, type Reporter, reportShape } from './report-shape.js';
import { type ConfigInput, configSchema } from './schema.js';

export interface ConfigOptions {
  readonly file: string;
  readonly folder: string;
  readonly builtins: Readonly<Record<string, Policy>>;
}

export function buildConfig(value: unknown, options: ConfigOptions, reporter: Reporter): Config | undefined {
  const input = read(value, reporter);
  if (!input) return undefined;
  const { issues } = reporter;
  const { file, folder, builtins } = options;
  const all = buildPolicies(input.policies ?? {}, builtins, ['policies'], issues);
  const own = Object.entries(all).filter(([name]) => !Object.hasOwn(builtins, name));
  const { maxAge, defaultMaxAge } = input.limits ?? {};
  if (maxAge !== undefined && defaultMaxAge !== undefined && toMs(defaultMaxAge) > toMs(maxAge))
    issues.error('config/conflict', ['limits', 'defaultMaxAge'], 'the default is longer than the maximum', {
      hint: `write ${maxAge} or less`,
    });
  const { steps = {}, ...everywhere } = input.retention ?? {};
  return {
    file,
    stores: buildStores(input.stores ?? {}, folder, ['stores'], issues),
    workspaces: buildWorkspaces(input.workspaces ?? {}, reporter),
    limits: {
      ...(maxAge !== undefined && { maxAgeMs: toMs(maxAge) }),
      ...(defaultMaxAge !== undefined && { defaultMaxAgeMs: toMs(defaultMaxAge) }),
    },
    retention: {
      ...buildKeep(everywhere),
      steps: Object.fromEntries(Object.entries(steps).map(([name, keep]) => [name, buildKeep(keep)])),
    },
    trust: {
      publicKeys: (input.trust?.publicKeys ?? []).map((path) => resolve(folder, path)),
      require: input.trust?.require ?? false,
    },
    policies: Object.fromEntries(own),
  };
}

function read(value: unknown, reporter: Reporter): ConfigInput | undefined {
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  reportShape(parsed.error.issues, value, [], reporter);
  if (reporter.issues.overflow) return undefined;
  const again = configSchema.safeParse(
    prune(value, parsed.error.issues, { policies: { extends: 'parts' }, stores: undefined, workspaces: undefined }),
  );
  return again.success ? again.data : undefined;
}

function buildKeep({ keepLast, keepFor }: { keepLast?: number | undefined; keepFor?: string | 0 | undefined }): Keep {
  return {
    ...(keepLast !== undefined && { keepLast }),
    ...(keepFor !== undefined && { keepForMs: toMs(keepFor) }),
  };
}

const MAX_ANCESTORS = 64;

/** A parent may be declared elsewhere (in another team's file), so an unknown one is no mistake; a circle is. */
function buildWorkspaces(
  input: NonNullable<ConfigInput['workspaces']>,
  { issues }: Reporter,
): Readonly<Record<string, Workspace>> {
  for (const [name, { cache, parent }] of Object.entries(input)) {
    const path: Path = ['workspaces', name];
    refusePlaceholders(cache, [...path, 'cache'], 'a cache is one place for all runs', { issues });
    try {
      parseLocation(cache);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      issues.error(error.code as IssueCode, [...path, 'cache'], error.message, { hint: error.hint });
    }
    const chain = new Set([name]);
    let next = parent;
    while (next !== undefined && !chain.has(next) && chain.size <= MAX_ANCESTORS) {
      chain.add(next);
      next = Object.hasOwn(input, next) ? input[next]?.parent : undefined;
    }
    if (chain.size > MAX_ANCESTORS)
      issues.error('config/too-large', [...path, 'parent'], `the workspace has more than ${MAX_ANCESTORS} ancestors`);
    if (next === name)
      issues.error(
        'config/workspace-cycle',
        [...path, 'parent'],
        `the workspace is its own ancestor: ${[...chain, name].join(' -> ')}`,
      );
  }
  return Object.fromEntries(Object.entries(input).map(([name, workspace]) => [name, defined(workspace)]));
}

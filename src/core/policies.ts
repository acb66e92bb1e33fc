import compiled from './policies.gen.json' with { type: 'json' };
import { type Policy, readPolicy } from './policy.js';

/** The six policies that ship, compiled from `policies/*.yaml` by the build. */
export const POLICIES: Readonly<Record<string, Policy>> = Object.fromEntries(
  Object.entries(compiled).map(([name, data]) => [name, readPolicy(name, data)]),
);

import { ConfigError } from './error.js';

/** How much evidence is enough, and what to do in doubt. Data: the six of `policies/` and those a user extends from them. */

/** Evidence, weakest to strongest. */
export const LEVELS = ['exists', 'key', 'parts', 'digest'] as const;
export type Level = (typeof LEVELS)[number];

export interface Policy {
  readonly name: string;
  readonly describe: string;
  /** With a viable record of this key: the level that must be proven, or `never` (always run). */
  readonly withRecord: Level | 'never';
  /** Where neither log names the place: `exists`, a complete Spark marker alone, or nothing is enough. */
  readonly withoutRecord: 'exists' | 'spark' | 'never';
  /** Where another key was the last to commit the place. */
  readonly otherKey: 'exists' | 'never';
  /** A marker older than the newest part of its output. */
  readonly outdatedMarker: 'run' | 'ignore';
  readonly whenUnknown: 'run' | 'refuse';
}

const CHOICES = {
  withRecord: [...LEVELS, 'never'],
  withoutRecord: ['exists', 'spark', 'never'],
  otherKey: ['exists', 'never'],
  outdatedMarker: ['run', 'ignore'],
  whenUnknown: ['run', 'refuse'],
} as const;

/** A policy from data, every field present and known. For the six that ship; own ones are checked with the config. */
export function readPolicy(name: string, data: Readonly<Record<string, unknown>>): Policy {
  const known = ['describe', ...Object.keys(CHOICES)];
  const stranger = Object.keys(data).find((field) => !known.includes(field));
  if (stranger) throw new ConfigError('config/policy', `policy ${name}: unknown field ${stranger}`);
  if (typeof data['describe'] !== 'string')
    throw new ConfigError('config/policy', `policy ${name}: describe is missing`);
  for (const [field, choices] of Object.entries(CHOICES)) {
    if (!(choices as readonly unknown[]).includes(data[field])) {
      throw new ConfigError('config/policy', `policy ${name}: ${field} must be one of ${choices.join(', ')}`);
    }
  }
  return { name, ...(data as Omit<Policy, 'name'> & Record<string, unknown>) };
}

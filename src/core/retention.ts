import type { Keep, RetentionRules } from './config.js';
import { formatAge } from './freshness.js';

/** A record, as far as retention asks. */
export interface Retainable {
  /** Whose it is: of these `keepLast` are kept. */
  readonly group: string;
  /** The step's name, without its item: rules are given for this. */
  readonly step: string;
  readonly producedAt: number;
  readonly pinned: boolean;
}

/** Whether a record stays, and the rule that says so. */
export interface Fate {
  readonly stays: boolean;
  readonly rule: string;
}

/** Rules are reasons to keep: what any of them speaks for stays. Where there is none, everything stays. */
export function fatesOf<T extends Retainable>(
  records: readonly T[],
  rules: RetentionRules,
  now: number,
): ReadonlyMap<T, Fate> {
  const groups = new Map<string, T[]>();
  for (const record of records) groups.set(record.group, [...(groups.get(record.group) ?? []), record]);
  const fates = new Map<T, Fate>();
  for (const group of groups.values()) {
    group.sort((a, b) => b.producedAt - a.producedAt);
    for (const [newer, record] of group.entries())
      fates.set(record, fateOf(record, { newer, now, ...rules, ...own(rules, record.step) }));
  }
  return fates;
}

/** What a step's own rules leave unsaid is as for all. */
function own({ steps }: RetentionRules, step: string): Keep | undefined {
  return Object.hasOwn(steps, step) ? steps[step] : undefined;
}

interface Asked extends Keep {
  /** How many of its group are newer. */
  readonly newer: number;
  readonly now: number;
}

function fateOf({ pinned, producedAt }: Retainable, { keepLast, keepForMs, newer, now }: Asked): Fate {
  if (pinned) return { stays: true, rule: 'pinned' };
  if (keepLast === undefined && keepForMs === undefined) return { stays: true, rule: 'no rule' };
  const against: string[] = [];
  if (keepLast !== undefined) {
    if (newer < keepLast) return { stays: true, rule: `keepLast ${keepLast}: ${newer} are newer` };
    against.push(`keepLast ${keepLast}: ${newer} are newer`);
  }
  if (keepForMs !== undefined) {
    // A clock that was set back makes nothing older.
    const age = Math.max(0, now - producedAt);
    const rule = `keepFor ${formatAge(keepForMs)}: it is ${formatAge(age)} old`;
    if (age <= keepForMs) return { stays: true, rule };
    against.push(rule);
  }
  return { stays: false, rule: against.join(', ') };
}

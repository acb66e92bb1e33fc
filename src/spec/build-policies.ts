/** Policies of one's own: each is another one with some fields changed. */
import type { Policy } from '../core/policy.js';
import { type Issues, type Path, quote } from './issue.js';
import type { OwnPolicyInput } from './schema.js';
import { oneOf } from './suggest.js';

type Known = Readonly<Record<string, Policy>>;
type Own = Readonly<Record<string, OwnPolicyInput>>;

/** All that are known afterwards: those given, and the own ones in full. What cannot be resolved is left out. */
export function buildPolicies(own: Own, known: Known, at: Path, issues: Issues): Known {
  const built = new Map<string, Policy>(Object.entries(known));
  const wrong = new Set<string>();
  for (const name of Object.keys(own)) {
    if (!Object.hasOwn(known, name)) continue;
    issues.error('config/conflict', [...at, name], `a policy ${quote(name)} exists already`, {
      part: 'key',
      hint: `choose another name, and write extends: ${name}`,
    });
    wrong.add(name);
  }
  for (const name of Object.keys(own)) {
    // Down the chain to something built, then up again: a loop, since a file may hold a long chain.
    const chain: string[] = [];
    const inChain = new Set<string>();
    let next = name;
    while (!built.has(next) && !wrong.has(next)) {
      const input = Object.hasOwn(own, next) ? own[next] : undefined;
      if (!input) {
        issues.error('config/unknown-policy', [...at, chain.at(-1)!, 'extends'], `there is no policy ${quote(next)}`, {
          hint: () => oneOf(next, [...Object.keys(known), ...Object.keys(own)]),
        });
        break;
      }
      if (inChain.has(next)) {
        const circle = [...chain.slice(chain.indexOf(next)), next].join(' -> ');
        issues.error('config/policy-cycle', [...at, chain.at(-1)!, 'extends'], `policies extend each other: ${circle}`);
        break;
      }
      chain.push(next);
      inChain.add(next);
      next = input.extends;
    }
    let base = wrong.has(next) ? undefined : built.get(next);
    for (const link of chain.reverse()) {
      if (base === undefined) {
        wrong.add(link);
        continue;
      }
      base = extend(link, own[link]!, base);
      built.set(link, base);
    }
  }
  return Object.fromEntries(built);
}

function extend(name: string, input: OwnPolicyInput, base: Policy): Policy {
  return {
    name,
    describe: input.describe ?? `${base.name}, with changes`,
    withRecord: input.withRecord ?? base.withRecord,
    withoutRecord: input.withoutRecord ?? base.withoutRecord,
    otherKey: input.otherKey ?? base.otherKey,
    outdatedMarker: input.outdatedMarker ?? base.outdatedMarker,
    whenUnknown: input.whenUnknown ?? base.whenUnknown,
  };
}

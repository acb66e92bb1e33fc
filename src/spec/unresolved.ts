import type { Placeholder } from '../core/template.js';
import { MAX_NAMES, suggest } from './suggest.js';

/** What a placeholder that stands for nothing was probably meant to be. */
export function unresolvedHint(
  placeholder: Placeholder,
  params: readonly string[],
  each: readonly string[],
): string | undefined {
  const { source, name } = placeholder;
  if (name.startsWith('=')) return 'expressions are not evaluated; compute the value in the step';
  if (source === 'each' && each.length === 0) return 'the step has no forEach';
  // Too many to be worth the time, for every mistake again.
  if (params.length + each.length > MAX_NAMES) return undefined;
  const known = [...params.map((param) => `params.${param}`), ...each.map((item) => `each.${item}`)];
  if (known.length === 0) return 'the workflow declares no params';
  const meant =
    source === 'unknown'
      ? (known.find((full) => full.endsWith(`.${name}`)) ?? suggest(name, known))
      : (withPrefix(source, suggest(name, source === 'params' ? params : each)) ?? suggest(`${source}.${name}`, known));
  if (meant !== undefined) return `did you mean {{${meant}}}?`;
  return known.length <= 20 ? `known: ${known.join(', ')}` : undefined;
}

function withPrefix(source: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${source}.${name}`;
}

/**
 * Where in a shell string a value would land, and how it is quoted there. Everything is refused but what a small grammar
 * proves: a word of its own (bare, or in quotes around that one word) that is an argument or a redirection's target of a
 * simple command whose name is plain and which does not read its arguments as a program. Too strict costs an `env` entry;
 * too loose runs what somebody passed for a date. What the scanner does not follow ends it: from there on all is refused.
 */
import { ConfigError } from './error.js';
import { Scanner } from './shell-scan.js';
import type { Part, ShellContext } from './shell-word.js';

export type { ShellContext } from './shell-word.js';

/** By index in `pieces`; strings have no entry. */
export function shellContexts(pieces: readonly Part[]): readonly (ShellContext | undefined)[] {
  const count = pieces.filter((piece) => typeof piece !== 'string').length;
  const found = count === 0 ? [] : new Scanner(pieces, count).scan();
  let next = 0;
  return pieces.map((piece) => (typeof piece === 'string' ? undefined : found[next++]));
}

export function quoteAt(context: ShellContext | undefined, value: string, placeholder: string): string {
  const bare = `'${value.replaceAll("'", "'\\''")}'`;
  if (context === 'word') return bare;
  if (context === 'single') return bare.slice(1, -1);
  // What still means something in double quotes (and "!" where a shell keeps a history) goes outside of them.
  if (context === 'double') return /[\\"$`!]/.test(value) ? `"${bare}"` : value;
  throw new ConfigError(
    'config/unsafe-shell',
    `${placeholder} ${context?.refused ?? 'has no place'}, where its value could not be quoted safely`,
    { hint: SHELL_HINT },
  );
}

export const SHELL_HINT =
  'give it to the command by env: { NAME: "{{...}}" } and write "$NAME", or write run as a list of arguments';

import { parseArgs } from 'node:util';
import { suggest } from '../spec/suggest.js';
import { type Args, type OptionSpec, UsageError } from './command.js';

/** Words after the command's name -> options and positionals; every slip is a UsageError with a suggestion. */
export function parseWords(words: readonly string[], specs: readonly OptionSpec[]): Args {
  const options = Object.fromEntries(
    specs.map(({ name, short, value, many }) => [
      name,
      {
        type: value ? ('string' as const) : ('boolean' as const),
        multiple: many === true,
        ...(short ? { short } : {}),
      },
    ]),
  );
  // The built-in parser reports the first slip only in its own words: we look at the tokens instead.
  const { values, positionals, tokens } = parseArgs({
    args: [...words],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const spec = specs.find((s) => s.name === token.name);
    if (!spec) throw new UsageError(`there is no option ${token.rawName}`, hintFor(token.name, specs));
    if (spec.value && (token.value === undefined || (!token.inlineValue && looksLikeOption(token.value, specs)))) {
      throw new UsageError(`${token.rawName} needs a value: ${token.rawName} ${spec.value}`);
    }
    if (!spec.value && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
    if (spec.value && !spec.many && seen.has(spec.name)) throw new UsageError(`${token.rawName} is given twice`);
    seen.add(spec.name);
  }
  const given = (name: string) => values[name];
  return {
    words: positionals,
    one: (name) => (typeof given(name) === 'string' ? (given(name) as string) : undefined),
    all: (name) => (Array.isArray(given(name)) ? (given(name) as string[]) : []),
    on: (name) => given(name) === true,
  };
}

/** `--marker --json`: the value was forgotten. A value that begins with a dash is written `--content=-x`. */
function looksLikeOption(value: string, specs: readonly OptionSpec[]): boolean {
  return specs.some(
    ({ name, short }) =>
      value === `--${name}` || value.startsWith(`--${name}=`) || (short !== undefined && value === `-${short}`),
  );
}

function hintFor(name: string, specs: readonly OptionSpec[]): string {
  const near = suggest(
    name,
    specs.map((spec) => spec.name),
  );
  return near === undefined ? 'see --help' : `did you mean --${near}?`;
}

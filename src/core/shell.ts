/**
 * Where in a shell string a value would land, and how it is quoted there. Quoting is safe in two places only: as (part
 * of) a bare word, and in double quotes around one word. Everything else - code for another program, `$(...)`,
 * here-documents, arithmetic - is refused, because a second reader would take the value apart again.
 */
import { ConfigError } from './error.js';

export type ShellContext = 'word' | 'double' | { readonly refused: string };
type Part = string | { readonly text: string };

/** By index in `pieces`; strings have no entry. */
export function shellContexts(pieces: readonly Part[]): readonly (ShellContext | undefined)[] {
  const scanner = new Scanner();
  for (const piece of pieces) {
    if (typeof piece === 'string') scanner.literal(piece);
    else scanner.value();
  }
  const found = scanner.done();
  let next = 0;
  return pieces.map((piece) => (typeof piece === 'string' ? undefined : found[next++]));
}

export function quoteAt(context: ShellContext | undefined, value: string, placeholder: string): string {
  if (context === 'word') return `'${value.replaceAll("'", "'\\''")}'`;
  if (context === 'double') return value.replace(/[\\"$`]/g, '\\$&');
  throw new ConfigError(
    'config/unsafe-shell',
    `${placeholder} ${context?.refused ?? 'has no place'}, where its value could not be quoted safely`,
    { hint: SHELL_HINT },
  );
}

export const SHELL_HINT =
  'give it to the command by env: { NAME: "{{...}}" } and write "$NAME", or write run as a list of arguments';

/** One word of a path or an option, variables included: nothing in it reads as a program. */
const ONE_WORD = /^(?:[\w./:=@%+,~-]|\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})*$/;

const REASON = {
  single: 'stands in single quotes',
  command: 'stands inside a "$" and brackets',
  backtick: 'stands inside backticks',
  comment: 'stands in a comment',
  arithmetic: 'stands inside (( )) or [[ ]]',
  lost: "stands after a here-document, $'...' or nested quotes",
  evaluated: 'is handed to eval, let, ssh or -c',
  glued: 'stands right after a "$" or a backslash',
  phrase: 'stands in double quotes among other words',
} as const;

type Nested = 'command' | 'backtick' | 'arithmetic';
/** `lost`: this small scanner cannot be sure any more where it is, so nothing is put in from here on. */
type State = 'plain' | 'single' | 'double' | 'comment' | 'lost' | Nested;

/** Inside a nested construct only brackets are counted; with any of these in it, its end is not sure. */
const CONFUSING = /["'\\#<]|\bcase\b/;
/** Commands and options that read their arguments as a program once more. */
const EVALUATES =
  /^(?:(?:.*\/)?(?:ssh|watch|parallel)|eval|let|trap|alias|declare|typeset|local|read|mapfile|readarray|PS4=.*|-[A-Za-z]*[cSv][A-Za-z]*)$/;

class Scanner {
  #state: State = 'plain';
  /** Where we were when a nested construct began, what it holds so far, and its open brackets. */
  #back: 'plain' | 'double' = 'plain';
  #inner = '';
  #depth = 0;
  #last = '';
  #escaped = false;
  /** The bare word being read, to notice `eval` and `[[`. */
  #word = '';
  #evaluated = false;
  /** What the open double quotes hold so far, and the values that wait for their end. */
  #quoted = '';
  #waiting: number[] = [];
  readonly #found: ShellContext[] = [];

  literal(text: string): void {
    for (const char of text) {
      this.#step(char);
      this.#last = char;
    }
  }

  value(): void {
    const refused = this.#refusal();
    if (this.#state === 'double') this.#waiting.push(this.#found.length);
    this.#found.push(refused === undefined ? (this.#state === 'double' ? 'double' : 'word') : { refused });
    this.#word += 'x';
    this.#last = 'x';
    this.#escaped = false;
  }

  done(): readonly ShellContext[] {
    // Quotes that never end are no shell string; nothing in them is safe.
    if (this.#state === 'double') this.#settleQuoted(false);
    return this.#found;
  }

  #refusal(): string | undefined {
    if (this.#state !== 'plain' && this.#state !== 'double') return REASON[this.#state];
    if (this.#escaped || this.#last === '$') return REASON.glued;
    return this.#evaluated ? REASON.evaluated : undefined;
  }

  #step(char: string): void {
    if (this.#escaped) {
      this.#escaped = false;
      // A continued line is one line: the two characters are as good as not there.
      if (char === '\n') return;
      this.#word += char;
      this.#quoted += char;
      return;
    }
    switch (this.#state) {
      case 'plain':
        return this.#plain(char);
      case 'double':
        return this.#double(char);
      case 'single':
        if (char === "'") this.#state = 'plain';
        return;
      case 'comment':
        if (char === '\n') this.#endCommand();
        return;
      case 'command':
        if ('({'.includes(char)) this.#depth++;
        return this.#nested(char, ')}'.includes(char) && --this.#depth === 0);
      case 'backtick':
        return this.#nested(char, char === '`');
      case 'arithmetic':
        return this.#nested(char, this.#last + char === '))' || this.#last + char === ']]');
      case 'lost':
        return;
      default:
        return this.#state satisfies never;
    }
  }

  #plain(char: string): void {
    const pair = this.#last + char;
    if (char === '\\') this.#escaped = true;
    else if (pair === "$'" || pair === '<<') this.#state = 'lost';
    else if (char === "'" || char === '"') this.#openQuotes(char === '"' ? 'double' : 'single');
    else if (char === '`') this.#nest('backtick');
    else if (pair === '$(' || pair === '${') this.#nest('command');
    else if (pair === '((') this.#nest('arithmetic');
    else if (char === '#' && this.#word === '') this.#state = 'comment';
    // `2>&1` and `a=(` end no command, and who evaluates goes on doing so.
    else if (pair === '=(' || (char === '&' && this.#last !== '&')) this.#endWord();
    else if (';|&\n()'.includes(char)) this.#endCommand();
    else if (' \t<>'.includes(char)) this.#endWord();
    else this.#word += char;
  }

  #endWord(): void {
    if (EVALUATES.test(this.#word)) this.#evaluated = true;
    if (this.#word === '[[') this.#nest('arithmetic');
    this.#word = '';
  }

  #endCommand(): void {
    this.#evaluated = false;
    this.#word = '';
    this.#state = 'plain';
  }

  #openQuotes(state: 'single' | 'double'): void {
    this.#state = state;
    this.#quoted = '';
    this.#waiting = [];
    this.#word += 'x';
  }

  #double(char: string): void {
    if (char === '"') {
      this.#state = 'plain';
      return this.#settleQuoted(ONE_WORD.test(this.#quoted));
    }
    this.#quoted += char;
    if (char === '\\') this.#escaped = true;
    else if (char === '`') this.#nest('backtick');
    else if (this.#last === '$' && (char === '(' || char === '{')) this.#nest('command');
  }

  /** Only at the closing quote is it known whether the values stood in one word. */
  #settleQuoted(oneWord: boolean): void {
    if (!oneWord) for (const index of this.#waiting) this.#found[index] = { refused: REASON.phrase };
    this.#waiting = [];
  }

  #nest(state: Nested): void {
    this.#back = this.#state === 'double' ? 'double' : 'plain';
    this.#state = state;
    this.#inner = '';
    this.#depth = 1;
  }

  #nested(char: string, ends: boolean): void {
    this.#inner += char;
    if (this.#back === 'double') this.#quoted += char;
    if (CONFUSING.test(char) || (ends && CONFUSING.test(this.#inner))) {
      this.#state = 'lost';
      this.#settleQuoted(false);
    } else if (ends) {
      this.#state = this.#back;
      this.#word += 'x';
    }
  }
}

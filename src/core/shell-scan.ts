import { faultOf, readsData, words } from './shell-commands.js';
import { type Part, type ShellContext, VALUE, type Value, Word } from './shell-word.js';

const REASON = {
  command: 'stands in or after "$" and brackets that hold more than plain words',
  backtick: 'stands in or after backticks that hold more than plain words',
  comment: 'stands in a comment',
  arithmetic: 'stands in or after (( )), [[ ]] or $[ ]',
  here: 'stands in or after a here-document',
  ansi: `stands in or after $'...' or $"..."`,
  open: 'stands in or after quotes that do not end',
  lost: 'stands after something that only a shell can follow, such as a function, a case or an alias',
  redirect: 'stands beside a redirection that shells read differently',
  glued: 'stands right after a "$", a "$NAME" or a backslash',
  odd: 'stands in a word with signs that a shell gives a meaning',
  phrase: 'stands in quotes among other words',
  assigned: 'stands in an assignment',
  position: 'stands where it is no argument of a command',
  piped: 'goes through a pipe to something that may take it for a program',
} as const;

/** Nothing in it means anything to a shell, or to most programs that read one word. */
const TAME = /[\w./:=@%+,~-]/;
const TAME_WORD = /^[\w./:=@%+,~-]*$/;
/** The same with variables, which are no danger in double quotes. */
const TAME_QUOTED = /^(?:[\w./:=@%+,~-]|\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})*$/;
/** Before a command, and after one. */
const OPENERS = words('if then elif else while until do ! {');
const CLOSERS = words('fi done esac }');
/** What follows them is no simple command, or what their words mean is not what they meant before. */
const UNFOLLOWED = words('case function select coproc [[ alias unalias');
interface Command {
  readonly words: Word[];
  readonly targets: Word[];
  readonly assignments: Word[];
  /** Words such as `then` or `{` came before it; `fi` or `}` is all it is. */
  opened: boolean;
  closed: boolean;
}

const empty = (): Command => ({ words: [], targets: [], assignments: [], opened: false, closed: false });

class Lost extends Error {}

export class Scanner {
  readonly #text: string;
  readonly #found: ShellContext[];
  #at = 0;
  #next = 0;
  #depth = 0;
  #command = empty();
  #target = false;
  /** Values in the pipeline so far; they may reach who reads from it. */
  #piped: number[] = [];
  #afterPipe = false;
  #compound = false;
  /** Of the word that is being read. */
  #reading: readonly Value[] = [];

  constructor(pieces: readonly Part[], count: number) {
    const sound = pieces.every((piece) => typeof piece !== 'string' || !piece.includes(VALUE));
    this.#text = sound ? pieces.map((piece) => (typeof piece === 'string' ? piece : VALUE)).join('') : '`';
    // Refused unless something below shows the opposite.
    this.#found = Array.from({ length: count }, () => ({ refused: REASON.lost }));
  }

  scan(): readonly ShellContext[] {
    try {
      while (this.#at < this.#text.length) this.#token();
      this.#endCommand();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      this.#lose(error.message);
    }
    return this.#found;
  }

  /** Who knows what the rest does to that which was begun: all that is still open is refused as well. */
  #lose(refused: string): void {
    const open = this.#compound ? this.#found.keys() : [...this.#piped, ...indices(this.#command)];
    for (const index of open) this.#found[index] = { refused };
    for (let index = this.#next; index < this.#found.length; index++) this.#found[index] = { refused };
    for (const { index } of this.#reading) this.#found[index] = { refused };
  }

  #token(): void {
    const char = this.#text[this.#at]!;
    if (char === ' ' || char === '\t') this.#at++;
    else if (this.#text.startsWith('\\\n', this.#at)) this.#at += 2;
    else if (char === '#') this.#comment();
    else if (char === '\n') this.#separate(1, !(this.#afterPipe && isEmpty(this.#command)));
    else if (';|&()<>'.includes(char)) this.#operator();
    else this.#place(this.#word());
  }

  #comment(): void {
    for (; this.#at < this.#text.length && this.#text[this.#at] !== '\n'; this.#at++)
      if (this.#text[this.#at] === VALUE) this.#found[this.#next++] = { refused: REASON.comment };
  }

  #operator(): void {
    const [operator = ''] = /^(?:&&|\|\||;;&?|;&|\|&|&>|<<|<\(|>\(|[<>]&|>>|>\||<>|\(\(|[;|&()<>])/.exec(
      this.#text.slice(this.#at, this.#at + 3),
    )!;
    const { length } = operator;
    // With a continued line right after it, it may be another operator.
    if (this.#text.startsWith('\\\n', this.#at + length)) throw new Lost(REASON.lost);
    switch (operator) {
      case '&&':
      case '||':
      case ';':
      case '&':
        return this.#separate(length, true);
      case '|': {
        // Who reads after a group gets what any command in it writes.
        const all = this.#command.closed;
        this.#separate(length, false);
        if (all) this.#piped = [...this.#found.keys()].filter((index) => index < this.#next);
        this.#afterPipe = true;
        return;
      }
      case '(':
        if (!isEmpty(this.#command)) throw new Lost(REASON.lost);
        this.#open();
        this.#depth++;
        this.#at += length;
        return;
      case ')':
        if (--this.#depth < 0) throw new Lost(REASON.lost);
        this.#separate(length, true);
        this.#command.closed = true;
        return;
      case '<':
      case '>':
      case '>>':
      case '>|':
      case '<>':
        if (this.#target) throw new Lost(REASON.redirect);
        this.#target = true;
        this.#at += length;
        return;
      case '<&':
      case '>&': {
        const [, to = ''] = /^(\d+|-)(?=[\s;|&)]|$)/.exec(this.#text.slice(this.#at + 2, this.#at + 16)) ?? [];
        if (to === '' || this.#target) throw new Lost(REASON.redirect);
        this.#at += length + to.length;
        return;
      }
      case '((':
        throw new Lost(REASON.arithmetic);
      case '<<':
        throw new Lost(REASON.here);
      default:
        throw new Lost(operator.includes('>') || operator.includes('<') ? REASON.redirect : REASON.lost);
    }
  }

  /** A group begins: what comes through a pipe to it goes who knows where. */
  #open(): void {
    this.#compound = true;
    if (this.#afterPipe) this.#dropPiped();
  }

  #dropPiped(): void {
    for (const index of this.#piped) this.#found[index] = { refused: REASON.piped };
    this.#piped = [];
  }

  #separate(length: number, ends: boolean): void {
    this.#endCommand();
    this.#at += length;
    if (!ends) return;
    this.#piped = [];
    this.#afterPipe = false;
  }

  #place(word: Word): void {
    const command = this.#command;
    if (this.#target) {
      command.targets.push(word);
      this.#target = false;
      return;
    }
    const follows = this.#text[this.#at];
    // `2>`: a number right before a redirection belongs to it.
    if ((follows === '<' || follows === '>') && /^\d+$/.test(word.raw)) return;
    if (command.words.length > 0 || command.closed) command.words.push(word);
    else if (OPENERS.has(word.raw)) {
      this.#open();
      command.opened = true;
    } else if (CLOSERS.has(word.raw)) command.closed = true;
    else if (UNFOLLOWED.has(word.text)) throw new Lost(word.text === '[[' ? REASON.arithmetic : REASON.lost);
    else if (/^[A-Za-z_]\w*=/.test(word.raw)) command.assignments.push(word);
    else {
      if (word.text === 'for') this.#open();
      command.words.push(word);
    }
  }

  #endCommand(): void {
    const command = this.#command;
    if (this.#target) throw new Lost(REASON.redirect);
    this.#command = empty();
    if (this.#afterPipe && !isEmpty(command) && (command.opened || command.closed || !readsData(command.words)))
      this.#dropPiped();
    const fault = command.closed || command.words.length === 0 ? REASON.position : faultOf(command.words);
    const settle = (list: readonly Word[], why: string | undefined) => {
      for (const { index, context, fault: own } of list.flatMap(({ values }) => values)) {
        const refused = why ?? own;
        this.#found[index] = refused === undefined ? context : { refused };
        if (refused === undefined) this.#piped.push(index);
      }
    };
    settle(command.assignments, REASON.assigned);
    settle(command.words.slice(0, 1), fault ?? REASON.position);
    settle(command.words.slice(1), fault);
    settle(command.targets, fault);
  }

  #word(): Word {
    const word = new Word();
    this.#reading = word.values;
    const from = this.#at;
    for (; this.#at < this.#text.length; ) {
      const char = this.#text[this.#at]!;
      if (' \t\n;|&()<>'.includes(char)) break;
      if (char === VALUE) this.#value(word, 'word');
      else if (char === "'") this.#single(word);
      else if (char === '"') this.#double(word);
      else if (char === '\\') this.#backslash(word);
      else if (char === '$' || char === '`') this.#expansion(word, false);
      else {
        if (!TAME.test(char)) {
          word.odd = true;
          word.plain = word.literal = word.single = false;
        }
        word.text += char;
        this.#at++;
      }
    }
    word.raw = this.#text.slice(from, this.#at);
    if (word.odd) for (const value of word.values) value.fault ??= REASON.odd;
    this.#reading = [];
    return word;
  }

  #value(word: Word, context: Value['context']): void {
    const before = this.#text[this.#at - 1];
    word.values.push({
      index: this.#next++,
      context,
      ...((before === '$' || before === '\\') && { fault: REASON.glued }),
    });
    word.text += VALUE;
    word.plain = word.literal = false;
    this.#at++;
  }

  #single(word: Word): void {
    const from = ++this.#at;
    const end = this.#text.indexOf("'", from);
    if (end < 0) throw new Lost(REASON.open);
    const first = word.values.length;
    word.plain = false;
    for (; this.#at < end; ) {
      if (this.#text[this.#at] === VALUE) this.#value(word, 'single');
      else word.text += this.#text[this.#at++];
    }
    this.#at++;
    if (!TAME_WORD.test(this.#text.slice(from, end).replaceAll(VALUE, '')))
      for (const value of word.values.slice(first)) value.fault ??= REASON.phrase;
  }

  #double(word: Word): void {
    const from = ++this.#at;
    const first = word.values.length;
    word.plain = false;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw new Lost(REASON.open);
      if (char === '"') break;
      if (char === VALUE) this.#value(word, 'double');
      else if (char === '$' || char === '`') this.#expansion(word, true);
      else if (char === '\\') {
        // A backslash before any other character stays; both are taken together so that `\"` does not end the quotes.
        const escaped = this.#text[this.#at + 1] ?? '';
        word.text += '$`"\\\n'.includes(escaped) ? escaped.replace('\n', '') : char;
        this.#at += '$`"\\\n'.includes(escaped) ? 2 : 1;
      } else {
        word.text += char;
        this.#at++;
      }
    }
    const inside = this.#text.slice(from, this.#at++);
    for (const value of word.values.slice(first)) {
      if (/\$\w+\0/.test(inside)) value.fault ??= REASON.glued;
      // A slash stands for the value: it joins nothing that stands around it.
      if (!TAME_QUOTED.test(inside.replaceAll(VALUE, '/'))) value.fault ??= REASON.phrase;
    }
  }

  #backslash(word: Word): void {
    const escaped = this.#text[this.#at + 1];
    if (escaped === undefined) throw new Lost(REASON.open);
    word.plain = false;
    this.#at++;
    if (escaped === VALUE) return;
    if (escaped !== '\n') word.text += escaped;
    this.#at++;
  }

  /** `$NAME`, `${...}`, `$(...)` and backticks, skipped where their end is beyond doubt. */
  #expansion(word: Word, quoted: boolean): void {
    const from = this.#at;
    this.#at = this.#endOfExpansion(quoted);
    const raw = this.#text.slice(from, this.#at);
    word.text += raw;
    word.plain = word.literal = false;
    // "$@" is as many words as there are arguments.
    if (!quoted || raw.includes('@')) word.single = false;
  }

  #endOfExpansion(quoted: boolean): number {
    const [text, at] = [this.#text, this.#at];
    if (text[at] === '`') {
      const end = matchAt(/`[^`\\"'#<\0]*`/y, text, at);
      if (end === undefined) throw new Lost(REASON.backtick);
      return end;
    }
    const next = text[at + 1] ?? '';
    if (next === '[') throw new Lost(REASON.arithmetic);
    if (next === '\\') throw new Lost(REASON.glued);
    if (next === '(') return this.#endOfBrackets(at + 2);
    if (next === '{') {
      const end = matchAt(/\$\{[^\s|{}"'\\`$()<\0][^{}"'\\`$()<\0]*\}/y, text, at);
      if (end === undefined) throw new Lost(REASON.command);
      return end;
    }
    if (!quoted && (next === "'" || next === '"')) throw new Lost(REASON.ansi);
    return matchAt(/\$(?:[A-Za-z_]\w*|[0-9?#$!@*-])/y, text, at) ?? at + 1;
  }

  /** With no quotes, comments, here-documents or `case` in it, brackets can only be counted one way. */
  #endOfBrackets(from: number): number {
    let depth = 1;
    for (let at = from; at < this.#text.length; at++) {
      const char = this.#text[at]!;
      if (char === '(') depth++;
      else if (char === ')' && --depth === 0) {
        if (/\bcase\b/.test(this.#text.slice(from, at))) break;
        return at + 1;
      } else if ('"\'\\`#<{}\0'.includes(char)) break;
    }
    throw new Lost(REASON.command);
  }
}

function matchAt(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function isEmpty({ words, targets, assignments, closed }: Command): boolean {
  return words.length + targets.length + assignments.length === 0 && !closed;
}

function indices({ words, targets, assignments }: Command): number[] {
  return [...words, ...targets, ...assignments].flatMap(({ values }) => values.map(({ index }) => index));
}

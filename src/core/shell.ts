/**
 * Where in a shell string a value would land, and how it is quoted there. Everything is refused but what a small grammar
 * proves: a word of its own (bare, or in quotes around that one word) that is an argument or a redirection's target of a
 * simple command whose name is plain and which does not read its arguments as a program. Too strict costs an `env` entry;
 * too loose runs what somebody passed for a date. What the scanner does not follow ends it: from there on all is refused.
 */
import { ConfigError } from './error.js';

export type ShellContext = 'word' | 'double' | 'single' | { readonly refused: string };
type Part = string | { readonly text: string };

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

const evaluates = (name: string) => `is handed to ${name.slice(0, 40)}, which may take its arguments for a program`;

/** Nothing in it means anything to a shell, or to most programs that read one word. */
const TAME = /[\w./:=@%+,~-]/;
const TAME_WORD = /^[\w./:=@%+,~-]*$/;
/** The same with variables, which are no danger in double quotes. */
const TAME_QUOTED = /^(?:[\w./:=@%+,~-]|\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})*$/;
const COMMAND_NAME = /^[\w./+~,-]+$/;

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));
/** Before a command, and after one. */
const OPENERS = words('if then elif else while until do ! {');
const CLOSERS = words('fi done esac }');
/** What follows them is no simple command, or what their words mean is not what they meant before. */
const UNFOLLOWED = words('case function select coproc [[ alias unalias');
/** Of all shells that may be called `sh`. Many read names with subscripts (`a[$(x)]`) or arithmetic. */
const BUILTINS = words(`. alias autoload bg bind break builtin caller command compgen complete compopt continue declare
  dirs disown enable eval exec exit export fc fg float for functions getopts hash help history integer jobs kill let
  local logout mapfile nameref noglob popd print pushd pwd read readarray readonly return select set setopt shift shopt
  source suspend time times trap type typeset ulimit umask unalias unset unsetopt vared wait whence which zmodload`);
/** Programs that run what they are given, wrappers around other programs among them. */
const RUNNERS = words(`at awk batch bc bwrap busybox catchsegv chroot chrt crontab csi dc doas dsh ed emacs entr env ex
  expect fakeroot faketime flock gawk gdb gosu gsed hyperfine ionice lldb ltrace m4 mawk mosh mysql nawk nice nohup nsenter
  numactl parallel pdsh perf psql rlwrap rsh runuser screen script sed setpriv setsid sqlite3 ssh stdbuf strace su sudo
  systemd-run taskset tclsh timeout tini tmux toybox unbuffer unshare valgrind vi vim nvim watch wish xargs`);
/** They read their arguments as programs, and what comes through a pipe as data. */
const FILTERS = words('awk gawk mawk nawk sed gsed');
const INTERPRETER =
  /^(?:(?:ba|da|a|k|mk|pdk|z|fi|c|tc|ya|po)?sh|python|pypy|ipython|perl|ruby|irb|node|nodejs|deno|bun|php|lua|luajit|rscript|julia|pwsh|powershell|groovy|guile|ocaml|scala|osascript)[\d.-]*$/;
/** Anywhere among the arguments they show that the command runs another one. */
const INNER = words('eval xargs ssh su sudo env busybox awk sed sh bash dash ash ksh mksh zsh fish csh tcsh');
/** Options whose argument is a program. */
const CODE_OPTION =
  /^(?:-[A-Za-z]{0,5}[ce]|--?(?:command|eval|exec|execdir|execute|expression|init-file|ok|okdir|rcfile|rsh|split-string|to-command|checkpoint-action|use-compress-program)(?:=.*)?)$/s;
/** They do nothing with their arguments but show or compare them. */
const PRINTERS = words('echo printf test [');
const UNARY = words('-n -z -e -f -d -r -w -x -s -L -h');

// Texts with a NUL are refused, so one can stand for a value.
const VALUE = '\0';

interface Value {
  readonly index: number;
  readonly context: 'word' | 'double' | 'single';
  fault?: string;
}

class Word {
  /** As written, and without quotes; a value is a NUL. */
  raw = '';
  text = '';
  /** No quotes and nothing with a meaning; all of it known; always one argument. */
  plain = true;
  literal = true;
  single = true;
  odd = false;
  readonly values: Value[] = [];
}

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

class Scanner {
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

const isPlainName = ({ raw, plain }: Word) => raw === '[' || (plain && COMMAND_NAME.test(raw));
const nameOf = ({ text }: Word) => text.slice(text.lastIndexOf('/') + 1).toLowerCase();

/** Why this command may not be given any value, be it quoted ever so well. */
function faultOf([command, ...rest]: readonly Word[]): string | undefined {
  if (!command || !isPlainName(command)) return evaluates('a command whose name is no plain word');
  const name = nameOf(command);
  if (BUILTINS.has(name) || RUNNERS.has(name)) return evaluates(name);
  if (name === 'printf' && !isTextFormat(rest[0])) return evaluates('printf without a literal format of texts');
  if ((name === 'test' || name === '[') && !isSimpleTest(name, rest)) return evaluates('a test of many parts');
  if (INTERPRETER.test(name) && !hasScript(name, rest)) return evaluates(`${name} without a script's name`);
  if (PRINTERS.has(name)) return undefined;
  const last = rest.findLastIndex(({ values }) => values.length > 0);
  for (const word of rest.slice(0, last + 1)) {
    const before = word.text.split(VALUE, 1)[0] ?? '';
    if (CODE_OPTION.test(before)) return evaluates(`the option ${before}`);
    if (word.values.length === 0 && INNER.has(nameOf(word))) return evaluates(nameOf(word));
  }
  return undefined;
}

/** Does it take what comes through a pipe for data? */
function readsData([command, ...rest]: readonly Word[]): boolean {
  if (!command || !isPlainName(command)) return false;
  const name = nameOf(command);
  if (FILTERS.has(name)) return true;
  if (BUILTINS.has(name) || RUNNERS.has(name) || (INTERPRETER.test(name) && !hasScript(name, rest))) return false;
  return !rest.some((word) => INNER.has(nameOf(word)));
}

/** `-v NAME` and some shells' `%d` read a name or a sum. */
function isTextFormat(format: Word | undefined): boolean {
  return format?.literal === true && /^(?!-)(?:[^%]|%%|%[-0-9.]*[sbq])*$/.test(format.text);
}

/** `-v NAME` and some shells' `-eq` evaluate; with more parts than these a value could become an operator. */
function isSimpleTest(name: string, args: readonly Word[]): boolean {
  const closed = name === '[' && args.at(-1)?.raw === ']';
  if (name === '[' && !closed) return false;
  const inner = closed ? args.slice(0, -1) : args;
  const [a, b, c, ...more] = inner[0]?.raw === '!' ? inner.slice(1) : inner;
  if (!a?.single || !b?.single || more.length > 0) return false;
  if (!c) return a.literal && UNARY.has(a.text);
  return c.single && b.literal && (b.text === '=' || b.text === '!=');
}

/** A script is named before any value, so that values are its arguments and nothing else. */
function hasScript(name: string, args: readonly Word[]): boolean {
  const python = /^(?:python|pypy)/.test(name);
  const flags = python ? /^-[uBOIsq]+$/ : /sh[\d.-]*$/.test(name) ? /^-[eux]+$/ : undefined;
  let at = 0;
  while (flags && args[at]?.plain && flags.test(args[at]!.text)) at++;
  const module = python && args[at]?.raw === '-m';
  const script = args[module ? at + 1 : at];
  if (!script?.literal || /^(?:-|\/(?:dev|proc)\/|$)/.test(script.text)) return false;
  return !module || !/^(?:timeit|pdb|code|trace|cProfile|profile|runpy)$/.test(script.text);
}

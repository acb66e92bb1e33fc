import { VALUE, type Word } from './shell-word.js';

export const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));
/** Of all shells that may be called `sh`. Many read names with subscripts (`a[$(x)]`) or arithmetic. */
const BUILTINS = words(`. alias autoload bg bind break builtin caller command compgen complete compopt continue declare
  dirs disown enable eval exec exit export fc fg float for functions getopts hash help history integer jobs kill let
  local logout mapfile nameref noglob popd print pushd pwd read readarray readonly return select set setopt shift shopt
  source suspend time times trap type typeset ulimit umask unalias unset unsetopt vared wait whence which zmodload`);
/** Programs that run what they are given, wrappers around other programs among them. */
const RUNNERS = words(`at awk batch bc bwrap busybox catchsegv chroot chrt crontab csi dc doas dsh ed emacs entr env ex
  expect fakeroot faketime flock gawk gdb gosu gsed hyperfine ionice lldb ltrace m4 make gmake mawk mosh mysql nawk nice nohup nsenter
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

const COMMAND_NAME = /^[\w./+~,-]+$/;

const isPlainName = ({ raw, plain }: Word) => raw === '[' || (plain && COMMAND_NAME.test(raw));
const nameOf = ({ text }: Word) => text.slice(text.lastIndexOf('/') + 1).toLowerCase();

const evaluates = (name: string) => `is handed to ${name.slice(0, 40)}, which may take its arguments for a program`;

/** Why this command may not be given any value, be it quoted ever so well. */
export function faultOf([command, ...rest]: readonly Word[]): string | undefined {
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
export function readsData([command, ...rest]: readonly Word[]): boolean {
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

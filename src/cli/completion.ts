import { type Command, type CommandSpec, UsageError } from './command.js';
import { COMMANDS } from './commands.js';
import { EXIT } from './exit.js';
import { COMMON } from './options.js';

const SHELLS = { bash, zsh, fish };

export const completion: Command = async (args, terminal) => {
  const [shell] = args.words;
  if (shell === undefined || !Object.hasOwn(SHELLS, shell)) {
    throw new UsageError(shell === undefined ? 'for which shell?' : `no completion for ${shell}`, 'bash, zsh or fish');
  }
  terminal.data(SHELLS[shell as keyof typeof SHELLS](COMMANDS));
  return EXIT.good;
};

const flagsOf = (command: CommandSpec) => [...command.options, ...COMMON].map(({ name }) => `--${name}`);

function bash(commands: readonly CommandSpec[]): string {
  return `_stepaside() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} flags
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} help" -- "$word")); return
  fi
  case \${COMP_WORDS[1]} in
${commands.map((c) => `    ${c.name}) flags="${flagsOf(c).join(' ')}" ;;`).join('\n')}
    *) return ;;
  esac
  if [ "\${COMP_WORDS[1]}" = completion ]; then COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")); return; fi
  case $word in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _stepaside stepaside`;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(commands: readonly CommandSpec[]): string {
  const plain = (text: string) => text.replaceAll(/[[\]:]/g, ' ');
  const optionsOf = (command: CommandSpec) =>
    [...command.options, ...COMMON].map(({ name, value, what, many }) =>
      quote(`${many ? '*' : ''}--${name}[${plain(what)}]${value ? `:${value}:_files` : ''}`),
    );
  return `#compdef stepaside
_stepaside() {
  local -a commands=(${commands.map((c) => quote(`${c.name}:${plain(c.summary)}`)).join(' ')})
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command=$words[2]
  shift words; (( CURRENT-- ))
  case $command in
${commands.map((c) => `    ${c.name}) _arguments ${optionsOf(c).join(' ')} ${c.name === 'completion' ? "'1:shell:(bash zsh fish)'" : "'*:location:_files'"} ;;`).join('\n')}
  esac
}
if [ "$funcstack[1]" = _stepaside ]; then _stepaside "$@"; else compdef _stepaside stepaside; fi`;
}

function fish(commands: readonly CommandSpec[]): string {
  const none = `not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`;
  return commands
    .flatMap((c) => [
      `complete -c stepaside -n ${quote(none)} -f -a ${c.name} -d ${quote(c.summary)}`,
      ...[...c.options, ...COMMON].map(
        ({ name, short, value, what }) =>
          `complete -c stepaside -n ${quote(`__fish_seen_subcommand_from ${c.name}`)} -l ${name}${short ? ` -s ${short}` : ''}${value ? ' -r' : ''} -d ${quote(what)}`,
      ),
    ])
    .concat(`complete -c stepaside -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'`)
    .join('\n');
}

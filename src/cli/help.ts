import type { CommandSpec, OptionSpec } from './command.js';
import { COMMON } from './options.js';
import type { Paint } from './terminal.js';

export function helpFor(command: CommandSpec, paint: Paint): string {
  return [
    command.summary,
    '',
    paint.bold('Examples'),
    ...command.examples.flatMap(([line, what]) => [`  ${paint.dim(`# ${what}`)}`, `  ${line}`]),
    '',
    paint.bold('Usage'),
    `  stepaside ${command.usage.replaceAll('\n       ', '\n  stepaside ')}`,
    '',
    paint.bold('Options'),
    ...table([...command.options, ...COMMON].map((option) => [flags(option), option.what])),
    ...(command.notes ? ['', ...command.notes.split('\n')] : []),
  ].join('\n');
}

export function overview(commands: readonly CommandSpec[], version: string, paint: Paint): string {
  return [
    `stepaside ${version}: step aside, this is already done.`,
    '',
    paint.bold('Examples'),
    ...commands.slice(0, 3).flatMap(({ examples }) => examples.slice(0, 1).map(([line]) => `  ${line}`)),
    '',
    paint.bold('Commands'),
    ...table(commands.map((command) => [command.name, command.summary])),
    '',
    'stepaside COMMAND --help shows examples and options.',
    `Exit codes: 0 good; 1 failed; 2 usage or a mistake in a file; 3 nobody can tell, or refused; 10 not there, work to do.`,
  ].join('\n');
}

function flags({ name, short, value }: OptionSpec): string {
  return `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
}

function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}

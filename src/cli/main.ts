import { readFileSync } from 'node:fs';
import { StepasideError } from '../core/error.js';
import { suggest } from '../spec/suggest.js';
import { type CommandSpec, UsageError } from './command.js';
import { COMMANDS } from './commands.js';
import { EXIT, type Exit } from './exit.js';
import { helpFor, overview } from './help.js';
import { COMMON } from './options.js';
import { parseWords } from './parse.js';
import { openTerminal, type Terminal } from './terminal.js';

void main(process.argv.slice(2)).then((exit) => {
  process.exitCode = exit;
});

async function main([name, ...words]: readonly string[]): Promise<Exit> {
  const plain = () => openTerminal({ quiet: false, verbose: false });
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return showHelp(words[0], plain());
  if (name === '--version' || name === '-V') {
    plain().data(version());
    return EXIT.good;
  }
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) return unknownCommand(name, plain());
  try {
    const args = parseWords(words, [...command.options, ...COMMON]);
    const terminal = openTerminal({ quiet: args.on('quiet'), verbose: args.on('verbose') });
    if (args.on('help')) return showHelp(name, terminal);
    const run = await command.load();
    return await run(args, terminal);
  } catch (error) {
    return explain(error, command, plain(), words.includes('--json'));
  }
}

function showHelp(name: string | undefined, terminal: Terminal): Exit {
  const command = COMMANDS.find((c) => c.name === name);
  if (name !== undefined && !command) return unknownCommand(name, terminal);
  terminal.data(command ? helpFor(command, terminal.paint) : overview(COMMANDS, version(), terminal.paint));
  return EXIT.good;
}

function unknownCommand(name: string, terminal: Terminal): Exit {
  const near = suggest(
    name,
    COMMANDS.map((c) => c.name),
  );
  terminal.complain(
    `there is no command ${name}`,
    near === undefined ? 'see stepaside --help' : `did you mean ${near}?`,
  );
  return EXIT.usage;
}

/** One clear error, no stack trace: a trace is for bugs, and only a bug gets here as anything else. */
function explain(error: unknown, command: CommandSpec, terminal: Terminal, json: boolean): Exit {
  const exit = exitOf(error);
  if (json && exit !== EXIT.failed && error instanceof Error) {
    const { code = 'usage', hint } = error as { code?: string; hint?: string | undefined };
    terminal.json(command.name, {
      exitCode: exit,
      error: { code, message: error.message, ...(hint === undefined ? {} : { hint }) },
    });
  }
  if (error instanceof UsageError)
    terminal.complain(error.message, error.hint ?? `see stepaside ${command.name} --help`);
  else if (error instanceof StepasideError) terminal.complain(`${error.message} [${error.code}]`, error.hint);
  else
    terminal.complain(
      `this is a bug in Stepaside: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  return exit;
}

function exitOf(error: unknown): Exit {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof StepasideError) return error.code.startsWith('config/') ? EXIT.usage : EXIT.unsure;
  return EXIT.failed;
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return text;
}

import { readFileSync } from 'node:fs';
import { suggest } from '../spec/suggest.js';
import { type Args, type CommandSpec, UsageError } from './command.js';
import { COMMANDS } from './commands.js';
import { EXIT, type Exit } from './exit.js';
import { exitOf, failureOf, tellFailure } from './failure.js';
import { helpFor, overview } from './help.js';
import { COMMON } from './options.js';
import { parseWords } from './parse.js';
import { openTerminal, type Terminal } from './terminal.js';

void main(process.argv.slice(2)).then((exit) => {
  // It is set already where stdout could not be written to.
  process.exitCode ??= exit;
});

async function main([name, ...words]: readonly string[]): Promise<Exit> {
  const plain = () => openTerminal({ quiet: false, verbose: false });
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return showHelp(words[0], plain());
  if (name === '--version' || name === '-V') {
    plain().data(version());
    return EXIT.good;
  }
  const command = COMMANDS.find((c) => c.name === name);
  let args: Args | undefined;
  try {
    if (!command) throw unknownCommand(name);
    args = parseWords(words, [...command.options, ...COMMON]);
    const terminal = openTerminal({ quiet: args.on('quiet'), verbose: args.on('verbose') });
    if (args.on('help')) return showHelp(name, terminal);
    refuseWords(command, args.words);
    const run = await command.load();
    return await run(args, terminal);
  } catch (error) {
    const exit = exitOf(error);
    const usageHint = `see stepaside ${name} --help`;
    // Words that cannot be parsed still say what language the answer is to be in.
    const json = args?.on('json') ?? words.includes('--json');
    const title = command ? titleOf(command, args?.words ?? words) : name;
    if (json) plain().jsonError(title, { exitCode: exit, error: failureOf(error, usageHint) });
    tellFailure(error, plain(), usageHint);
    return exit;
  }
}

/** As the documents of what went well are called. */
function titleOf({ name, verbs = [] }: CommandSpec, [verb]: readonly string[]): string {
  return verb !== undefined && verbs.includes(verb) ? `${name} ${verb}` : name;
}

function refuseWords({ name, mostWords }: CommandSpec, words: readonly string[]): void {
  if (mostWords === undefined || words.length <= mostWords) return;
  const extra = words[mostWords]!;
  throw new UsageError(
    mostWords === 0 ? `${name} takes no words, as ${extra}` : `${name} takes no more words: ${extra}`,
  );
}

function showHelp(name: string | undefined, terminal: Terminal): Exit {
  const command = COMMANDS.find((c) => c.name === name);
  if (name !== undefined && !command) {
    tellFailure(unknownCommand(name), terminal);
    return EXIT.usage;
  }
  terminal.data(command ? helpFor(command, terminal.paint) : overview(COMMANDS, version(), terminal.paint));
  return EXIT.good;
}

function unknownCommand(name: string): UsageError {
  const near = suggest(
    name,
    COMMANDS.map((c) => c.name),
  );
  return new UsageError(
    `there is no command ${name}`,
    near === undefined ? 'see stepaside --help' : `did you mean ${near}?`,
  );
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return text;
}

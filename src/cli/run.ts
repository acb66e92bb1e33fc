import { readFileSync } from 'node:fs';
import { logsFolder } from '../engine/execute.js';
import { newRun } from '../engine/journal.js';
import { type Ran, runWorkflow } from '../engine/run.js';
import type { Args, Command } from './command.js';
import { askedOf, concurrencyOf, engineFor, selectionOf } from './engine.js';
import { EXIT, type Exit } from './exit.js';
import { follower } from './follow.js';
import { interruptible } from './interrupt.js';
import { type Loaded, loadWork } from './load.js';
import { printable, type Terminal } from './terminal.js';

export const run: Command = async (args, terminal) => {
  const loaded = await loadWork(args, terminal);
  return loaded.ok ? runLoaded(loaded, args, terminal) : EXIT.usage;
};

export async function runLoaded({ workflow, surroundings }: Loaded, args: Args, terminal: Terminal): Promise<Exit> {
  const selection = selectionOf(workflow, args);
  const told = follower(terminal, { json: args.on('json'), live: process.stderr.isTTY === true && !args.on('quiet') });
  const stopping = interruptible();
  const onLine = terminal.verbose
    ? (step: string, line: string) => terminal.note(`${terminal.paint.dim(`${printable(step)} |`)} ${printable(line)}`)
    : undefined;
  const engine = await engineFor({
    args,
    terminal,
    surroundings,
    cache: workflow.cache,
    events: told.onEvent,
    logs: logsFolder(workflow),
    kill: stopping.kill,
    ...(onLine && { onLine }),
  });
  try {
    const ran = await runWorkflow(engine, workflow, {
      ...askedOf(args, newRun()),
      selection,
      concurrency: concurrencyOf(args),
      keepGoing: args.on('keep-going'),
      materialize: args.on('materialize'),
      force: args.on('force'),
      forceDownstream: args.on('force-downstream'),
      signal: stopping.signal,
    });
    told.stop();
    showLogs(ran, terminal);
    return exitOf(ran, stopping.by());
  } finally {
    told.stop();
    stopping.stop();
    await engine.close();
  }
}

const SHOWN_LINES = 20;

/** What a step that failed said last: the file holds the rest. */
function showLogs({ outcomes }: Ran, terminal: Terminal): void {
  for (const [step, outcome] of outcomes) {
    if (outcome.status !== 'failed') continue;
    terminal.complain(`${step}: ${outcome.why}`);
    if (outcome.log === undefined) continue;
    for (const line of linesOf(outcome.log).slice(-SHOWN_LINES)) process.stderr.write(`  ${printable(line)}\n`);
    process.stderr.write(`  ${terminal.paint.dim(`log: ${outcome.log}`)}\n`);
  }
}

function linesOf(log: string): readonly string[] {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n');
  } catch (error) {
    return [`its log cannot be read: ${(error as Error).message}`];
  }
}

function exitOf({ summary }: Ran, interrupted: NodeJS.Signals | undefined): Exit {
  if (summary.failed > 0 || interrupted !== undefined) return EXIT.failed;
  if (summary.refused > 0) return EXIT.unsure;
  return summary.notBegun > 0 ? EXIT.failed : EXIT.good;
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { logsFolder } from '../engine/execute.js';
import { graphOf, type Node } from '../engine/graph.js';
import { newRun } from '../engine/journal.js';
import { type Ran, runWorkflow } from '../engine/run.js';
import { type Said, SILENCE } from '../quick/hint.js';
import { leaveHint } from '../quick/leave-hint.js';
import type { Args, Command } from './command.js';
import { askedOf, concurrencyOf, engineFor, selectionOf } from './engine.js';
import { EXIT, type Exit } from './exit.js';
import { follower, outcomeLine, standing } from './follow.js';
import { askingOf, HintNotes } from './hint.js';
import { interruptible } from './interrupt.js';
import { type Loaded, loadWork } from './load.js';
import { COLOURED, printable, type Terminal } from './terminal.js';
import type { Branch } from './tree.js';

export const run: Command = async (args, terminal) => {
  const loaded = await loadWork(args, terminal);
  return loaded.ok ? runLoaded(loaded, args, terminal) : EXIT.usage;
};

export async function runLoaded(
  { workflow, surroundings, warned }: Loaded,
  args: Args,
  terminal: Terminal,
  repeats?: string,
): Promise<Exit> {
  const selection = selectionOf(workflow, args);
  const isDrawn = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb' && !args.on('quiet');
  const told = follower(terminal, {
    json: args.on('json'),
    ...(isDrawn && { tree: branchesOf(graphOf(workflow, selection)) }),
  });
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
  const notes = warned || args.on('json') || args.on('verbose') || args.on('only') ? undefined : new HintNotes(engine);
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
      ...(repeats !== undefined && { repeats }),
      ...(notes && { witness: notes.see.bind(notes) }),
    });
    told.stop();
    const grounds = notes?.grounds(workflow.folder, [resolve(terminal.cwd, workflow.file)]);
    if (grounds) {
      const said = args.on('quiet') ? SILENCE : saidOf(ran, branchesOf(graphOf(workflow, selection)));
      leaveHint(askingOf(terminal), grounds, said);
    }
    showLogs(ran, terminal);
    return exitOf(ran, stopping.by());
  } finally {
    told.stop();
    stopping.stop();
    await engine.close();
  }
}

/** The tree that is drawn: instances by step, each step below the first that it needs. */
function branchesOf(nodes: readonly Node[]): readonly Branch[] {
  const branches = new Map<string, { step: string; below: string | undefined; instances: string[] }>();
  for (const { instance, after } of nodes) {
    const { name } = instance.step;
    const branch = branches.get(name) ?? { step: name, below: after[0]?.instance.step.name, instances: [] };
    branch.instances.push(instance.name);
    branches.set(name, branch);
  }
  return [...branches.values()];
}

/** What a hint says in our place, in every form that may be wanted. */
function saidOf({ outcomes, summary }: Ran, branches: readonly Branch[]): Said {
  return {
    lines: [...outcomes].map(([step, outcome]) => `${outcomeLine(step, outcome, COLOURED)}\n`).join(''),
    tree: standing(branches, outcomes, COLOURED)
      .map((line) => `${line}\n`)
      .join(''),
    summary: { steps: summary.steps, savedMs: summary.savedMs },
  };
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

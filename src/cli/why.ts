import { durationText } from '../core/duration-text.js';
import { REASONS } from '../core/reason.js';
import type { Workflow } from '../core/step.js';
import { graphOf, type Selection } from '../engine/graph.js';
import { newRun } from '../engine/journal.js';
import { describeDifference } from '../engine/nearest.js';
import { type Planned, planWorkflow } from '../engine/plan.js';
import { type Args, type Command, UsageError } from './command.js';
import { askedOf, engineFor, selectionOf } from './engine.js';
import { EXIT } from './exit.js';
import { loadWork, selectInstances } from './load.js';
import { plain } from './plan.js';
import { describeSighting } from './sighting-line.js';
import { printable, type Terminal } from './terminal.js';

export const why: Command = async (args, terminal) => {
  if (args.words.length === 0) throw new UsageError('why which STEP?', 'stepaside why train');
  const loaded = await loadWork(args, terminal);
  if (!loaded.ok) return EXIT.usage;
  const { workflow, surroundings } = loaded;
  const engine = await engineFor({ args, terminal, surroundings, cache: workflow.cache });
  try {
    const chosen = new Set([...selectInstances(workflow, args.words)].map(({ name }) => name));
    const planned = await planWorkflow(
      engine,
      workflow,
      { ...askedOf(args, newRun()), selection: lookedAt(workflow, args, chosen), materialize: false },
      (one) => (chosen.has(one.node.instance.name) ? one : undefined),
    );
    const told = planned.filter((one) => one !== undefined);
    if (args.on('json'))
      terminal.json('why', {
        exitCode: EXIT.good,
        steps: told.map((one) => ({
          ...plain(one),
          outputs: one.seen.outputs.map(({ name, sighting, log }) => ({ name, sighting, log })),
        })),
      });
    else for (const one of told) explain(one, terminal);
    return EXIT.good;
  } finally {
    await engine.close();
  }
};

/**
 * A run of the whole workflow is what is explained: whether others who read from a step have to run decides what becomes
 * of it, and so do the steps that it and they need. Force alone is meant for the named steps.
 */
function lookedAt(workflow: Workflow, args: Args, names: ReadonlySet<string>): Selection {
  if (args.on('force')) return selectionOf(workflow, args);
  const whole = { chosen: [...selectInstances(workflow, [])], named: false, only: false };
  const reached = new Set(graphOf(workflow, whole).filter(({ instance }) => names.has(instance.name)));
  for (const node of reached) for (const follower of node.followers) reached.add(follower);
  return { ...whole, chosen: [...reached].map(({ instance }) => instance) };
}

const ACTIONS = {
  skip: 'is avoided',
  restore: 'would be restored',
  run: 'would run',
  wait: 'waits',
  refuse: 'is refused',
} as const;

function explain({ node, verdict, seen, nearest }: Planned, terminal: Terminal): void {
  const { paint } = terminal;
  terminal.data(
    `${paint.bold(printable(node.instance.name))} ${ACTIONS[verdict.action]}: ${REASONS[verdict.reason]} (${verdict.reason})`,
  );
  if (verdict.reason === 'not-needed')
    terminal.data(`  run ${printable(node.instance.name)}, or --materialize, brings them back`);
  for (const { about, fact } of verdict.because) terminal.data(`  ${printable(about)}: ${printable(fact)}`);
  if (seen.outputs.length > 0) terminal.data('  what is there:');
  for (const { sighting } of seen.outputs)
    for (const line of describeSighting(sighting, terminal)) terminal.data(`    ${line}`);
  terminal.data(`  key: ${seen.key ?? seen.keyed.key.state}`);
  if (!nearest) {
    if (verdict.action !== 'skip') terminal.data('  nearest record: none of this step is known');
    return;
  }
  const { record, differ } = nearest;
  terminal.data(
    `  nearest record: attempt ${record.attempt}, ${new Date(record.producedAt).toISOString()}, took ${durationText(record.durationMs)}`,
  );
  for (const leaf of differ) terminal.data(`    ${printable(describeDifference(leaf))}`);
}

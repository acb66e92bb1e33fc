import { adopt } from '../engine/adopt.js';
import { graphOf } from '../engine/graph.js';
import { newRun } from '../engine/journal.js';
import { upstreamHere } from '../engine/upstream.js';
import type { Command } from './command.js';
import { askedOf, engineFor, selectionOf } from './engine.js';
import { EXIT, type Exit } from './exit.js';
import { loadWork } from './load.js';
import { printable } from './terminal.js';

export const touch: Command = async (args, terminal) => {
  const loaded = await loadWork(args, terminal);
  if (!loaded.ok) return EXIT.usage;
  const { workflow, surroundings } = loaded;
  const engine = await engineFor({ args, terminal, surroundings, cache: workflow.cache });
  const dryRun = args.on('dry-run');
  let exitCode: Exit = EXIT.good;
  const steps: { step: string; adopted: boolean; why?: string }[] = [];
  try {
    const asked = askedOf(args, newRun());
    // In order: what a step reads is adopted before the step, since its identity enters the key.
    const selection = selectionOf(workflow, args);
    const chosen = new Set(selection.chosen.map(({ name }) => name));
    for (const node of graphOf(workflow, selection)) {
      const { instance } = node;
      if (!chosen.has(instance.name)) continue;
      const upstream = await upstreamHere(engine, workflow, node);
      const done = await adopt(engine, { workflow, instance, upstream }, asked, { dryRun });
      if (!done.adopted) exitCode = EXIT.unsure;
      steps.push({ step: instance.name, adopted: done.adopted, ...(done.adopted ? {} : { why: done.why }) });
      if (args.on('json')) continue;
      const { paint } = terminal;
      if (done.adopted) terminal.data(`${paint.good(dryRun ? 'would adopt' : 'adopted')}  ${printable(instance.name)}`);
      else terminal.data(`${paint.bad('refused')}  ${printable(instance.name)}  ${printable(done.why)}`);
    }
    if (args.on('json')) terminal.json('touch', { exitCode, dryRun, steps });
    return exitCode;
  } finally {
    await engine.close();
  }
};

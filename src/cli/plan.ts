import { durationText } from '../core/duration-text.js';
import { newRun } from '../engine/journal.js';
import { describeDifference } from '../engine/nearest.js';
import type { Planned } from '../engine/plan.js';
import { planWorkflow } from '../engine/plan.js';
import type { Command } from './command.js';
import { askedOf, engineFor, selectionOf } from './engine.js';
import { EXIT, type Exit } from './exit.js';
import { loadWork } from './load.js';
import { printable, type Terminal } from './terminal.js';
import { verdictLine } from './verdict-line.js';

export const plan: Command = async (args, terminal) => {
  const loaded = await loadWork(args, terminal);
  if (!loaded.ok) return EXIT.usage;
  const { workflow, surroundings } = loaded;
  const engine = await engineFor({ args, terminal, surroundings, cache: workflow.cache });
  try {
    const asked = {
      ...askedOf(args, newRun()),
      selection: selectionOf(workflow, args),
      materialize: args.on('materialize'),
    };
    const planned = await planWorkflow(engine, workflow, asked);
    const exitCode = args.on('exit-code') ? exitOf(planned) : EXIT.good;
    if (args.on('json'))
      terminal.json('plan', {
        exitCode,
        workflow: workflow.name,
        cache: engine.cache.uri,
        latch: engine.cache.latch,
        steps: planned.map(plain),
      });
    else show(planned, terminal, engine.cache.latch);
    return exitCode;
  } finally {
    await engine.close();
  }
};

function exitOf(planned: readonly Planned[]): Exit {
  if (planned.some(({ verdict }) => verdict.action === 'refuse')) return EXIT.unsure;
  return planned.every(({ verdict }) => verdict.action === 'skip') ? EXIT.good : EXIT.work;
}

export function plain({ node, seen, verdict, nearest }: Planned) {
  return {
    step: node.instance.name,
    ...verdict,
    ...(seen.key && { key: seen.key }),
    ...(nearest && {
      nearest: {
        key: nearest.record.key,
        attempt: nearest.record.attempt,
        differ: nearest.differ,
        durationMs: nearest.record.durationMs,
      },
    }),
  };
}

function show(planned: readonly Planned[], terminal: Terminal, latch: string): void {
  const { paint } = terminal;
  const width = Math.min(40, Math.max(...planned.map(({ node }) => node.instance.name.length)));
  for (const { node, verdict, seen, nearest } of planned) {
    const cost =
      verdict.action === 'run' && nearest ? paint.dim(`  (about ${durationText(nearest.record.durationMs)})`) : '';
    terminal.data(verdictLine(node.instance.name, verdict, paint, width) + cost);
    const [leaf] = verdict.action === 'skip' ? [] : (nearest?.differ ?? []);
    if (leaf) terminal.data(`         ${' '.repeat(width)}  ${paint.dim(printable(describeDifference(leaf)))}`);
    if (terminal.verbose && seen.key) terminal.data(`         ${' '.repeat(width)}  ${paint.dim(`key ${seen.key}`)}`);
    for (const output of leftovers({ node, verdict, seen }))
      terminal.data(`         ${' '.repeat(width)}  ${paint.warn(output)}`);
  }
  const count = (...actions: readonly string[]) =>
    planned.filter(({ verdict }) => actions.includes(verdict.action)).length;
  const cost = planned.reduce(
    (sum, { verdict, nearest }) => sum + (verdict.action === 'run' ? (nearest?.record.durationMs ?? 0) : 0),
    0,
  );
  const parts = [
    `${count('run', 'restore')} to run`,
    `${count('skip')} avoided`,
    `${count('wait')} waiting`,
    ...(count('refuse') > 0 ? [`${count('refuse')} refused`] : []),
  ];
  terminal.data(
    `${paint.bold(`Plan: ${parts.join(', ')}`)}${cost > 0 ? `; about ${durationText(cost)} by past runs` : ''}`,
  );
  if (latch === 'machine')
    terminal.note(
      paint.dim('leases hold on this machine only: --cache on a bucket or a shared volume holds them everywhere'),
    );
  if (latch === 'best-effort')
    terminal.note(paint.warn('this store cannot exclude: leases are best effort, two may run the same step'));
}

/** Parts that a run would find at its place, where the output says nothing of what to do with them. */
function leftovers({ node, verdict, seen }: Pick<Planned, 'node' | 'verdict' | 'seen'>): readonly string[] {
  if (verdict.action !== 'run') return [];
  return node.instance.resolved.outputs.flatMap((output) => {
    const count = seen.outputs.find(({ name }) => name === output.name)?.parts?.length ?? 0;
    return count > 0 && output.mode === undefined
      ? [
          `${printable(output.path ?? '')} holds ${count} already: what stays as it is makes the run unrecorded (mode: replace, or mode: merge)`,
        ]
      : [];
  });
}

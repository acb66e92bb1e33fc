import { durationText } from '../core/duration-text.js';
import type { Verdict } from '../core/reason.js';
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
    if (args.on('json')) {
      const steps = await planWorkflow(engine, workflow, asked, plain);
      const exitCode = args.on('exit-code') ? exitOf(steps) : EXIT.good;
      terminal.json('plan', {
        exitCode,
        workflow: workflow.name,
        cache: engine.cache.uri,
        latch: engine.cache.latch,
        steps,
      });
      return exitCode;
    }
    const lines = await planWorkflow(engine, workflow, asked, lineOf);
    show(lines, terminal, engine.cache.latch);
    return args.on('exit-code') ? exitOf(lines.map(({ verdict }) => verdict)) : EXIT.good;
  } finally {
    await engine.close();
  }
};

function exitOf(verdicts: readonly Pick<Verdict, 'action'>[]): Exit {
  if (verdicts.some(({ action }) => action === 'refuse')) return EXIT.unsure;
  return verdicts.every(({ action }) => action === 'skip') ? EXIT.good : EXIT.work;
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

/** What is shown of a step: of a hundred thousand no more is kept. */
interface Line {
  readonly step: string;
  readonly verdict: Verdict;
  readonly key?: string | undefined;
  readonly costMs?: number | undefined;
  readonly differs?: string | undefined;
  readonly leftovers: readonly string[];
}

function lineOf({ node, verdict, seen, nearest }: Planned): Line {
  const [leaf] = verdict.action === 'skip' ? [] : (nearest?.differ ?? []);
  return {
    step: node.instance.name,
    verdict,
    key: seen.key,
    ...(verdict.action === 'run' && nearest && { costMs: nearest.record.durationMs }),
    ...(leaf && { differs: describeDifference(leaf) }),
    leftovers: leftovers({ node, verdict, seen }),
  };
}

function show(lines: readonly Line[], terminal: Terminal, latch: string): void {
  const { paint } = terminal;
  const width = lines.reduce((most, { step }) => Math.min(40, Math.max(most, step.length)), 0);
  const below = `         ${' '.repeat(width)}  `;
  for (const { step, verdict, key, costMs, differs, leftovers } of lines) {
    const cost = costMs === undefined ? '' : paint.dim(`  (about ${durationText(costMs)})`);
    terminal.data(verdictLine(step, verdict, paint, width) + cost);
    if (differs !== undefined) terminal.data(below + paint.dim(printable(differs)));
    if (terminal.verbose && key !== undefined) terminal.data(below + paint.dim(`key ${key}`));
    for (const output of leftovers) terminal.data(below + paint.warn(output));
  }
  const count = (...actions: readonly string[]) =>
    lines.filter(({ verdict }) => actions.includes(verdict.action)).length;
  const cost = lines.reduce((sum, { costMs }) => sum + (costMs ?? 0), 0);
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
  if (verdict.action !== 'run') return NONE;
  return node.instance.resolved.outputs.flatMap((output) => {
    const count = seen.outputs.find(({ name }) => name === output.name)?.parts?.length ?? 0;
    return count > 0 && output.mode === undefined
      ? [
          `${printable(output.path ?? '')} holds ${count} already: what stays as it is makes the run unrecorded (mode: replace, or mode: merge)`,
        ]
      : [];
  });
}

const NONE: readonly string[] = [];

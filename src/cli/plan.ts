import { durationText } from '../core/duration-text.js';
import type { Verdict } from '../core/reason.js';
import { countItems } from '../core/series.js';
import { newRun } from '../engine/journal.js';
import { describeDifference } from '../engine/nearest.js';
import type { Planned } from '../engine/plan.js';
import { planWorkflow } from '../engine/plan.js';
import type { Command } from './command.js';
import { askedOf, engineFor, selectionOf } from './engine.js';
import { EXIT, type Exit } from './exit.js';
import { loadWork } from './load.js';
import { printable, type Terminal } from './terminal.js';
import { keepHeapSmall, keepYoungHeapSmall } from './v8-flags.js';
import { type Told, told, toldLine } from './verdict-line.js';

export const plan: Command = async (args, terminal) => {
  // What it has grown to by the end of loading it keeps.
  keepYoungHeapSmall();
  const loaded = await loadWork(args, terminal);
  if (!loaded.ok) return EXIT.usage;
  const { workflow, surroundings } = loaded;
  const engine = await engineFor({ args, terminal, surroundings, cache: workflow.cache });
  try {
    keepHeapSmall(workflow.steps.reduce((sum, { forEach }) => sum + countItems(forEach), 0));
    const asked = {
      ...askedOf(args, newRun()),
      selection: selectionOf(workflow, args),
      materialize: args.on('materialize'),
    };
    if (args.on('json')) {
      // As text: of a hundred thousand steps the values would be several times as large.
      const steps = await planWorkflow(engine, workflow, asked, (one) => ({
        action: one.verdict.action,
        json: JSON.stringify(plain(one)),
      }));
      const list = terminal.jsonList('plan', 'steps');
      for (const [index, { json }] of steps.entries()) {
        list.text(json);
        if (index % AT_ONCE === 0) await terminal.drained();
      }
      const exitCode = args.on('exit-code') ? exitOf(steps) : EXIT.good;
      list.end({ exitCode, workflow: workflow.name, cache: engine.cache.uri, latch: engine.cache.latch });
      return exitCode;
    }
    const lines = await planWorkflow(engine, workflow, asked, (one) => lineOf(one, terminal));
    await show(lines, terminal, engine.cache.latch);
    return args.on('exit-code') ? exitOf(lines) : EXIT.good;
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
interface Line extends Told {
  readonly step: string;
  /** Below it. */
  readonly more?: readonly string[];
  readonly costMs?: number;
}

function lineOf(planned: Planned, terminal: Terminal): Line {
  const { node, verdict, nearest } = planned;
  const { action, reason, fact } = told(verdict);
  const step = node.instance.name;
  const more = moreOf(planned, terminal);
  return {
    step,
    action,
    reason,
    fact,
    ...(more.length > 0 && { more }),
    ...(action === 'run' && nearest && { costMs: nearest.record.durationMs }),
  };
}

/** The lines that have been put together since the last were written. */
const AT_ONCE = 1000;

async function show(all: readonly Line[], terminal: Terminal, latch: string): Promise<void> {
  const { paint } = terminal;
  const width = all.reduce((most, { step }) => Math.min(40, Math.max(most, step.length)), 0);
  const below = `         ${' '.repeat(width)}  `;
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const lines: string[] = [];
    for (const line of all.slice(at, at + AT_ONCE)) {
      const cost = line.costMs === undefined ? '' : paint.dim(`  (about ${durationText(line.costMs)})`);
      lines.push(toldLine(line.step, line, paint, width) + cost, ...(line.more ?? NONE).map((text) => below + text));
    }
    terminal.data(lines.join('\n'));
    await terminal.drained();
  }
  const count = (wanted: Line['action']) => all.reduce((sum, { action }) => sum + (action === wanted ? 1 : 0), 0);
  const cost = all.reduce((sum, { costMs }) => sum + (costMs ?? 0), 0);
  const parts = [
    `${count('run')} to run`,
    ...(count('restore') > 0 ? [`${count('restore')} to restore`] : []),
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

function moreOf(planned: Planned, { paint, verbose }: Terminal): readonly string[] {
  const { verdict, seen, nearest } = planned;
  const [leaf] = verdict.action === 'skip' ? [] : (nearest?.differ ?? []);
  return [
    ...(leaf ? [paint.dim(printable(describeDifference(leaf)))] : []),
    ...(verbose && seen.key !== undefined ? [paint.dim(`key ${seen.key}`)] : []),
    ...leftovers(planned).map((text) => paint.warn(text)),
  ];
}

/** Parts that a run would find at its place, where the output says nothing of what to do with them. */
function leftovers({ node, verdict, seen }: Planned): readonly string[] {
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

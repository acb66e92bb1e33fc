import { durationText } from '../core/duration-text.js';
import { NOT_RECORDED } from '../core/reason.js';
import type { Event, Outcome, Summary } from '../engine/events.js';
import { LiveLines } from './live-lines.js';
import { type Paint, printable, type Terminal } from './terminal.js';
import { type Branch, Tree } from './tree.js';
import { verdictLine } from './verdict-line.js';

interface Following {
  readonly json: boolean;
  /** What to draw on a terminal; without it each thing that happens is a line. */
  readonly tree?: readonly Branch[] | undefined;
}

/** Tells a run as it goes: as JSON, as a calm tree on a terminal, else a line when something happens. */
export function follower(terminal: Terminal, { json, tree }: Following) {
  if (json)
    return {
      onEvent: (event: Event) => terminal.data(JSON.stringify({ stepaside: 1, ...event })),
      stop: () => undefined,
    };
  return tree ? treeFollower(terminal, tree) : lineFollower(terminal, (line) => terminal.note(line));
}

function lineFollower(terminal: Terminal, line: (text: string) => void) {
  const { paint } = terminal;
  const onEvent = (event: Event): void => {
    switch (event.type) {
      case 'run-begun':
      case 'cache-warned':
      case 'step-warned':
      case 'step-waiting':
        for (const text of remarks(event, terminal)) line(text);
        break;
      case 'step-decided':
        if (event.verdict.action === 'run') line(verdictLine(event.step, event.verdict, paint));
        for (const text of remarks(event, terminal)) line(text);
        break;
      case 'step-begun':
        if (event.try > 1) line(`${paint.bold('again  ')}  ${printable(event.step)}  try ${event.try}`);
        break;
      case 'step-ended':
        line(outcomeLine(event.step, event.outcome, paint));
        break;
      case 'run-ended':
        line(summaryLine(event.summary, terminal));
        break;
      default:
        event satisfies never;
    }
  };
  return { onEvent, stop: () => undefined };
}

/** Steps of more lines than this are told by number at the end, as far as nothing was wrong with them. */
const LEFT_STANDING = 100;

function treeFollower(terminal: Terminal, branches: readonly Branch[]) {
  const tree = new Tree(branches, terminal.paint, isUnicode(terminal.env));
  const live = new LiveLines(process.stderr, (room) => tree.lines(performance.now(), room));
  let over = false;
  const stop = () => {
    if (!over) live.end(tree.lines(performance.now(), LEFT_STANDING));
    over = true;
  };
  const onEvent = (event: Event): void => {
    tree.see(event, performance.now());
    if (event.type === 'run-ended') {
      stop();
      terminal.note(summaryLine(event.summary, terminal));
      return;
    }
    if (event.type !== 'step-waiting') for (const text of remarks(event, terminal)) live.above(text);
    live.changed();
  };
  return { onEvent, stop };
}

/** What stands on a terminal when all has ended. */
export function standing(
  branches: readonly Branch[],
  outcomes: ReadonlyMap<string, Outcome>,
  paint: Paint,
): readonly string[] {
  const tree = new Tree(branches, paint);
  for (const [step, outcome] of outcomes) tree.see({ type: 'step-ended', step, outcome }, 0);
  return tree.lines(0, LEFT_STANDING);
}

function isUnicode({ LC_ALL, LC_CTYPE, LANG }: Terminal['env']): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

/** What is said besides how the steps go. */
function remarks(event: Event, { paint, verbose }: Terminal): readonly string[] {
  switch (event.type) {
    case 'run-begun':
      return verbose ? [paint.dim(`run ${event.run}, cache ${printable(event.cache)}`)] : [];
    case 'cache-warned':
      return [`${paint.warn('warning')}  ${printable(event.warning)}`];
    case 'step-warned':
      return [`${paint.warn('warning')}  ${printable(event.step)}  ${printable(event.warning)}`];
    case 'step-waiting':
      return [`${paint.warn('wait   ')}  ${printable(event.step)}  ${printable(event.for)}`];
    case 'step-decided':
      return verbose && event.key ? [paint.dim(`${printable(event.step)}  key ${event.key}`)] : [];
    default:
      return [];
  }
}

export function outcomeLine(step: string, outcome: Outcome, paint: Paint): string {
  const name = printable(step);
  switch (outcome.status) {
    case 'avoided':
    case 'refused':
      return verdictLine(step, outcome.verdict, paint);
    case 'ran': {
      const took = durationText(outcome.durationMs);
      if ('attempt' in outcome.recorded) return `${paint.good('done   ')}  ${name}  ${took}`;
      const { not, fact } = outcome.recorded;
      return `${paint.warn('done   ')}  ${name}  ${took}; not recorded: ${not}  ${paint.dim(printable(`${fact}: ${NOT_RECORDED[not]}`))}`;
    }
    case 'failed':
      return `${paint.bad('failed ')}  ${name}  ${durationText(outcome.durationMs)}  ${printable(outcome.why)}`;
    case 'not-begun':
      return `${paint.dim('-      ')}  ${name}  ${paint.dim(printable(outcome.why))}`;
    default:
      return outcome satisfies never;
  }
}

/** The one line at the end. */
function summaryLine(
  { steps, avoided, ran, failed, refused, notBegun, savedMs, durationMs }: Summary,
  { paint }: Terminal,
): string {
  const counted = [
    `${steps} step${steps === 1 ? '' : 's'}`,
    `${avoided} avoided`,
    `${ran} ran`,
    `${failed} failed`,
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(notBegun > 0 ? [`${notBegun} not begun`] : []),
    ...(savedMs > 0 ? [`${durationText(savedMs)} saved`] : []),
  ].join(', ');
  return `${paint.bold(counted)} ${paint.dim(`in ${durationText(durationMs)}`)}`;
}

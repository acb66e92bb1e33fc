import { REASONS, type Verdict } from '../core/reason.js';
import { type Paint, printable } from './terminal.js';

const COLOUR: Record<Verdict['action'], keyof Paint> = {
  skip: 'good',
  restore: 'good',
  run: 'bold',
  wait: 'warn',
  refuse: 'bad',
};
const WIDTH = 'restore'.length;

/** One line: what, which step, by what reason, and the first fact behind it. */
export function verdictLine(step: string, { action, reason, because }: Verdict, paint: Paint, width = 0): string {
  const [first, ...more] = because;
  const fact = first
    ? `${first.about}: ${first.fact}${more.length > 0 ? ` (and ${more.length} more)` : ''}`
    : REASONS[reason];
  return `${paint[COLOUR[action]](action.padEnd(WIDTH))}  ${printable(step).padEnd(width)}  ${reason}  ${paint.dim(printable(fact))}`;
}

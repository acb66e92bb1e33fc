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
export function verdictLine(step: string, verdict: Verdict, paint: Paint, width = 0): string {
  return toldLine(step, told(verdict), paint, width);
}

/** What a line says of a verdict: a hundred thousand of these are held where whole verdicts would be too much. */
export interface Told extends Pick<Verdict, 'action' | 'reason'> {
  readonly fact: string;
}

export function told({ action, reason, because }: Verdict): Told {
  const [first, ...more] = because;
  const fact = first
    ? `${first.about}: ${first.fact}${more.length > 0 ? ` (and ${more.length} more)` : ''}`
    : REASONS[reason];
  return { action, reason, fact: printable(fact) };
}

export function toldLine(step: string, { action, reason, fact }: Told, paint: Paint, width: number): string {
  return `${paint[COLOUR[action]](action.padEnd(WIDTH))}  ${printable(step).padEnd(width)}  ${reason}  ${paint.dim(fact)}`;
}

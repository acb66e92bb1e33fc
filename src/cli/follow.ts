import { NOT_RECORDED } from '../core/reason.js';
import type { Event, Outcome, Summary } from '../engine/events.js';
import { durationText } from './duration-text.js';
import { printable, type Terminal } from './terminal.js';
import { verdictLine } from './verdict-line.js';

/** Tells a run as it goes: a line when something happens, on a terminal a last line that says what is under way. */
export function follower(terminal: Terminal, { json, live }: { readonly json: boolean; readonly live: boolean }) {
  const { paint } = terminal;
  const status = live && !json ? new StatusLine() : undefined;
  const line = (text: string) => {
    status?.clear();
    terminal.note(text);
    status?.draw();
  };
  const onEvent = (event: Event): void => {
    if (json) terminal.data(JSON.stringify({ stepaside: 1, ...event }));
    switch (event.type) {
      case 'run-begun':
        status?.total(event.steps);
        if (terminal.verbose && !json) line(paint.dim(`run ${event.run}, cache ${printable(event.cache)}`));
        break;
      case 'cache-warned':
        if (!json) line(`${paint.warn('warning')}  ${printable(event.warning)}`);
        break;
      case 'step-decided':
        if (json) break;
        if (event.verdict.action === 'run') line(verdictLine(event.step, event.verdict, paint));
        if (terminal.verbose && event.key) line(paint.dim(`         key ${event.key}`));
        break;
      case 'step-waiting':
        if (!json) line(`${paint.warn('wait   ')}  ${printable(event.step)}  ${printable(event.for)}`);
        break;
      case 'step-begun':
        status?.began(event.step);
        if (event.try > 1 && !json) line(`${paint.bold('again  ')}  ${printable(event.step)}  try ${event.try}`);
        break;
      case 'step-warned':
        if (!json) line(`${paint.warn('warning')}  ${printable(event.step)}  ${printable(event.warning)}`);
        break;
      case 'step-ended':
        status?.ended(event.step);
        if (!json) line(outcomeLine(event.step, event.outcome, terminal));
        break;
      case 'run-ended':
        status?.stop();
        if (!json) terminal.note(summaryLine(event.summary, terminal));
        break;
      default:
        event satisfies never;
    }
  };
  return { onEvent, stop: () => status?.stop() };
}

function outcomeLine(step: string, outcome: Outcome, { paint }: Terminal): string {
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
    `${durationText(savedMs)} saved`,
  ].join(', ');
  return `${paint.bold(counted)} ${paint.dim(`in ${durationText(durationMs)}`)}`;
}

/** The last line of a terminal, drawn over. */
class StatusLine {
  readonly #working = new Map<string, number>();
  #steps = 0;
  #ended = 0;
  #timer: NodeJS.Timeout | undefined = setInterval(() => this.draw(), 500);

  constructor() {
    this.#timer?.unref();
  }

  total(steps: number): void {
    this.#steps = steps;
  }

  began(step: string): void {
    this.#working.set(step, performance.now());
  }

  ended(step: string): void {
    this.#working.delete(step);
    this.#ended += 1;
  }

  draw(): void {
    if (!this.#timer || this.#working.size === 0) return;
    const now = performance.now();
    const names = [...this.#working]
      .slice(0, 3)
      .map(([step, since]) => `${printable(step)} ${durationText(now - since)}`);
    const more = this.#working.size > 3 ? ` and ${this.#working.size - 3} more` : '';
    const text = `${this.#ended}/${this.#steps}  ${names.join(', ')}${more}`;
    this.clear();
    process.stderr.write(text.slice(0, (process.stderr.columns ?? 80) - 1));
  }

  clear(): void {
    process.stderr.write('\r\u001b[K');
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.clear();
  }
}

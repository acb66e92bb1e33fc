import type { Tally } from '../artifacts/tally.js';
import { bytesText } from './bytes-text.js';
import type { Terminal } from './terminal.js';

const DRAW_MS = 100;
const LINE_MS = 10_000;
const BAR = 24;

interface ProgressOptions {
  readonly terminal: Terminal;
  readonly tally: Tally;
  /** What is done: `put`, `get`. */
  readonly verb: string;
  readonly quiet: boolean;
}

/** Bytes as they go: a bar on a terminal, elsewhere a line every ten seconds. Returns its end. */
export function progress({ terminal, tally, verb, quiet }: ProgressOptions): () => void {
  if (quiet) return () => undefined;
  const { stderr } = process;
  const live = stderr.isTTY === true && terminal.env['TERM'] !== 'dumb';
  const began = performance.now();
  const timer = setInterval(
    () => {
      const line = progressLine(verb, tally, performance.now() - began);
      if (live) stderr.write(`\r\u001b[K${line}`);
      else terminal.note(line);
    },
    live ? DRAW_MS : LINE_MS,
  );
  timer.unref();
  return () => {
    clearInterval(timer);
    if (live) stderr.write('\r\u001b[K');
  };
}

/** What was there already is shown apart: it cost a read, and no room. */
export function progressLine(verb: string, { files, bytes, thereBytes, totalBytes }: Tally, ms: number): string {
  const share = totalBytes === undefined || totalBytes === 0 ? undefined : Math.min(1, bytes / totalBytes);
  const full = Math.round((share ?? 0) * BAR);
  const bar = share === undefined ? '' : `[${'='.repeat(full)}${' '.repeat(BAR - full)}] ${Math.floor(share * 100)}%  `;
  const of = totalBytes === undefined ? '' : ` of ${bytesText(totalBytes)}`;
  const rate = ms > 0 ? `  ${bytesText((bytes / ms) * 1000)}/s` : '';
  const dedup = verb === 'put' ? `  ${bytesText(Math.min(bytes, thereBytes))} were there` : '';
  return `${verb}  ${bar}${bytesText(bytes)}${of}  ${files} files${rate}${dedup}`;
}

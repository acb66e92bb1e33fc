import { StepasideError } from '../core/error.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { Interrupted } from './interrupt.js';
import type { Terminal } from './terminal.js';

/** What went wrong, as programs read it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** `usageHint` is where to read on for whoever used the wrong words, if the error itself does not say. */
export function failureOf(error: unknown, usageHint?: string): Failure {
  if (!(error instanceof Error)) return { code: 'bug', message: String(error) };
  const { message } = error;
  if (error instanceof UsageError) return withHint({ code: 'usage', message }, error.hint ?? usageHint);
  if (error instanceof Interrupted) return withHint({ code: 'interrupted', message }, error.hint);
  if (error instanceof StepasideError) return withHint({ code: error.code, message }, error.hint);
  return { code: 'bug', message };
}

function withHint(failure: Failure, hint: string | undefined): Failure {
  return hint === undefined ? failure : { ...failure, hint };
}

/** One clear error, no stack trace: a trace is for bugs, and only a bug gets here as anything else. */
export function tellFailure(error: unknown, terminal: Terminal, usageHint?: string): void {
  const { code, message, hint } = failureOf(error, usageHint);
  if (code === 'bug')
    terminal.complain(`this is a bug in Stepaside: ${error instanceof Error ? (error.stack ?? message) : message}`);
  else terminal.complain(error instanceof StepasideError ? `${message} [${code}]` : message, hint);
}

export function exitOf(error: unknown): Exit {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof StepasideError) return error.code.startsWith('config/') ? EXIT.usage : EXIT.unsure;
  return EXIT.failed;
}

/** The first SIGINT or SIGTERM asks the steps to end and lets leases go; the second kills what has not ended by then. */
export interface Interrupts {
  readonly signal: AbortSignal;
  readonly kill: AbortSignal;
  by(): NodeJS.Signals | undefined;
  stop(): void;
}

export function interruptible(): Interrupts {
  const [gentle, hard] = [new AbortController(), new AbortController()];
  let by: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    (by === undefined ? gentle : hard).abort();
    by ??= name;
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: gentle.signal,
    kill: hard.signal,
    by: () => by,
    stop() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

/** Somebody asked a command to end before it had. */
export class Interrupted extends Error {
  readonly hint: string;
  constructor(hint = 'nothing was left half (of a tree on S3, no object): type it again') {
    super('interrupted');
    this.hint = hint;
  }
}

import type { Sleep } from './backoff.js';

const OVER = new Error('internal: nobody waits any more');

interface Limit {
  readonly ms: number;
  readonly sleep: Sleep;
  /** The caller's own. */
  readonly signal?: AbortSignal | undefined;
  /** What to throw when time is up. */
  readonly late: () => Error;
}

/**
 * Runs something that gets a signal, and waits no longer than allowed even if it is deaf to that signal. Where the call
 * opens a stream, `controller` is the stream's own: it must outlive the call.
 */
export async function within<T>(
  run: (signal: AbortSignal) => Promise<T>,
  { ms, sleep, signal, late }: Limit,
  controller = new AbortController(),
): Promise<T> {
  signal?.throwIfAborted();
  const timer = new AbortController();
  let giveUp: (reason: unknown) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    giveUp = (reason) => {
      // Rejected before the call hears of it, so that our reason wins over whatever the call makes of the abort.
      reject(reason);
      controller.abort(reason);
    };
  });
  const aborted = () => giveUp(signal?.reason);
  signal?.addEventListener('abort', aborted, { once: true });
  sleep(ms, timer.signal).then(
    () => giveUp(late()),
    () => {},
  );
  try {
    return await Promise.race([run(controller.signal), ended]);
  } finally {
    signal?.removeEventListener('abort', aborted);
    // With a reason: without one Node makes an exception each time.
    timer.abort(OVER);
  }
}

/** For work that no signal reaches, or that is shared and not ours to stop: the caller goes on, the work ends when it ends. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

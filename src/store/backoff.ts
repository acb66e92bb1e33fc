/** Rejects with the signal's reason when that comes first. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
  readonly random: () => number;
}

/** Full jitter: clients that failed together do not come back together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function pauseAfter(failures: number, { baseMs, capMs, random }: Backoff): number {
  return Math.max(1, random() * Math.min(capMs, baseMs * 2 ** (failures - 1)));
}

/** Timers hold 32 bits: a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

export const sleep: Sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      },
      Math.min(ms, LONGEST),
    );
    signal?.addEventListener('abort', stop, { once: true });
  });

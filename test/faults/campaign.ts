import type { S3Facts } from '../rig/s3-server.js';

export interface CampaignOptions {
  readonly points: number;
  readonly seed: number;
  readonly server: S3Facts;
}

/** What every campaign answers. The runner fails it if `injected` is 0, or if anything is wrong or lost. */
export interface Tally {
  /** Cases tried. */
  readonly points: number;
  /** Faults that were really done, not merely planned. */
  readonly injected: number;
  /** Answers accepted although they contradict the truth, calls that outlived their deadline, unhandled errors. */
  readonly wrong: number;
  /** Acknowledged writes that are not there. */
  readonly lost: number;
  /** What was wrong, the first few: for the reader of a failed run. */
  readonly examples: readonly string[];
  readonly [more: string]: unknown;
}

/** What a campaign at system calls counts while it goes on. */
export interface Found {
  points: number;
  injected: number;
  wrong: number;
  lost: number;
  readonly examples: string[];
  readonly byScene: Record<string, number>;
}

export type Campaign = (options: CampaignOptions) => Promise<Tally>;

/** Counts errors nobody handled while `act` runs: each would have ended the user's process. */
export async function countUnhandled<T>(
  act: () => Promise<T>,
): Promise<{ readonly result: T; readonly unhandled: string[] }> {
  const unhandled: string[] = [];
  const note = (error: unknown) => unhandled.push(String((error as Error)?.stack ?? error).slice(0, 400));
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  try {
    const result = await act();
    // A socket may fail a moment after the last answer.
    await new Promise((done) => setTimeout(done, 50));
    return { result, unhandled };
  } finally {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  }
}

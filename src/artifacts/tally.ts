/** What a put or a restore has done so far: a progress bar reads it while it grows. */
export interface Tally {
  /** Of the outputs themselves. */
  files: number;
  bytes: number;
  /** What really went into the store (put) or came out of it (restore). */
  storedBytes: number;
  /** Of what is put: what need not be stored, since the store has it already, or this put has just stored it. */
  thereBytes: number;
  /** How many bytes it will be, as soon as that is known. */
  totalBytes?: number;
}

export const newTally = (): Tally => ({ files: 0, bytes: 0, storedBytes: 0, thereBytes: 0 });

import type { FileCalls } from './calls.js';

/** Looks that are measured, and how many of them must be slow: one alone may have been held up by anything. */
const [MEASURED, MOST_OF_THEM] = [5, 3];
/** A disk of this machine takes some microseconds; the way to the thread pool and back costs some fifty. */
const SLOW_MS = 1;

/**
 * Which calls a disk is asked by. What calls itself local can lie on a network all the same (a loop device, a virtual
 * disk, an overlay): the first looks are measured, and where they are slow the rest are made side by side.
 */
export class Pace {
  #calls: FileCalls;
  #isSlow: boolean;
  readonly #slow: FileCalls;
  readonly #now: () => number;
  #measured = 0;
  #late = 0;

  constructor({ quick, slow, isSlow, now }: { quick: FileCalls; slow: FileCalls; isSlow: boolean; now: () => number }) {
    this.#slow = slow;
    this.#isSlow = isSlow;
    this.#now = now;
    this.#calls = isSlow ? slow : { ...quick, ...this.#measuring(quick) };
  }

  get calls(): FileCalls {
    return this.#calls;
  }

  /** Each look is a round trip: many at once pay. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  #measuring(quick: FileCalls): Pick<FileCalls, 'stat' | 'readdir' | 'open'> {
    return {
      stat: (path) => this.#measure(quick, () => quick.stat(path)),
      readdir: (path) => this.#measure(quick, () => quick.readdir(path)),
      open: (path, flags, mode) => this.#measure(quick, () => quick.open(path, flags, mode)),
    };
  }

  #measure<T>(quick: FileCalls, call: () => T): T {
    const begun = this.#now();
    try {
      return call();
    } finally {
      this.#measured += 1;
      if (this.#now() - begun >= SLOW_MS) this.#late += 1;
      this.#isSlow = this.#late >= MOST_OF_THEM;
      if (this.#isSlow) this.#calls = this.#slow;
      else if (this.#measured >= MEASURED) this.#calls = quick;
    }
  }
}

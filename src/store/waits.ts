import { type Sleep, sleep } from './backoff.js';
import { monotonic } from './monotonic.js';

/** How long a wrapper waits, for everything that waits: the same words mean the same in each. */
export interface Waits {
  /** A call ends by then, answered or not; of a listing or a body, each wait for the next piece. */
  readonly deadlineMs?: number;
  /** One attempt's share of that: a single lost answer then costs no more than this. */
  readonly attemptMs?: number;
  /** The pause after the first failure, at most; it doubles with each. */
  readonly baseMs?: number;
  readonly capMs?: number;
  readonly sleep?: Sleep;
  readonly random?: () => number;
  /** A clock that never goes back. */
  readonly now?: () => number;
}

const DEADLINE_MS = 60_000;

/** What a wrapper's author chose, where its user chose nothing. */
interface WaitDefaults {
  readonly attemptMs: (deadlineMs: number) => number;
  readonly baseMs: number;
  readonly capMs: number;
}

export function withDefaults(waits: Waits, defaults: WaitDefaults): Required<Waits> {
  const deadlineMs = waits.deadlineMs ?? DEADLINE_MS;
  return {
    deadlineMs,
    attemptMs: waits.attemptMs ?? defaults.attemptMs(deadlineMs),
    baseMs: waits.baseMs ?? defaults.baseMs,
    capMs: waits.capMs ?? defaults.capMs,
    sleep: waits.sleep ?? sleep,
    random: waits.random ?? Math.random,
    now: waits.now ?? monotonic,
  };
}

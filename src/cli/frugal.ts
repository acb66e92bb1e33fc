import { setFlagsFromString } from 'node:v8';

/** From so many steps on, what is held of them is more than what all else needs. */
const MANY = 5000;

/**
 * V8 lets its heap grow to a few times what is alive before it collects: of a hundred thousand steps that would be
 * hundreds of megabytes of garbage. Collected sooner, a large plan takes a half to a quarter of the memory, and a fifth
 * more of the time. Both are read at each collection, so they may be set when the number of steps is known.
 */
export function beFrugal(steps: number): void {
  if (steps < MANY) return;
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=10');
}

import { setFlagsFromString } from 'node:v8';

/** From so many steps on, what is held of them is more than what all else needs. */
const MANY = 5000;

/**
 * V8 lets its heap grow to a few times what is alive before it collects: of a hundred thousand steps that would be
 * hundreds of megabytes of garbage. Both flags are read at each collection, so they may be set while it runs.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** A large plan takes a half of the memory, and up to a half more of the time. */
export function keepHeapSmall(steps: number): void {
  if (steps >= MANY) setFlagsFromString('--heap-growing-percent=10');
}

/**
 * For what is over in a moment: a new heap that grows in small steps moves what lives as long as the answer again and
 * again, and V8 of Node 20 optimizes functions, on the other core, that hardly run any longer.
 */
export function hurry(): void {
  setFlagsFromString('--semi-space-growth-factor=16');
  optimizeLate();
}

/** Later versions wait of themselves, and have no such flag. */
export function optimizeLate(): void {
  if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000');
}

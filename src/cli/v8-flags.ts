import { setFlagsFromString } from 'node:v8';

/** From so many steps on, what is held of them is more than what all else needs. */
const MANY = 5000;

/**
 * V8 lets its heap grow to a few times what is alive before it collects: of a hundred thousand steps that would be
 * hundreds of megabytes of garbage. Both flags are read at each collection, so they may be set while it runs.
 */
export function keepYoungHeapSmall(): void {
  set('--semi-space-growth-factor', 1, 2);
}

/** A large plan takes a half of the memory, and up to a half more of the time. */
export function keepHeapSmall(steps: number): void {
  if (steps >= MANY) set('--heap-growing-percent', 10, 0);
}

/**
 * For what is over in a moment: a young heap that grows in small steps moves what lives as long as the answer again and
 * again, and V8 of Node 20 optimizes, on the other core, functions that hardly run any longer.
 */
export function hurry(): void {
  set('--semi-space-growth-factor', 16, 2);
  optimizeLate();
}

/** Later versions wait of themselves, and have no such flag. */
export function optimizeLate(): void {
  if (process.versions.v8.startsWith('11.')) set('--interrupt-budget', 1_000_000, 67_584);
}

/** Code that is kept at the exit is of no use under other flags than the usual: see quick/run-program.ts. */
function set(flag: string, value: number, usual: number): void {
  setFlagsFromString(`${flag}=${value}`);
  process.prependOnceListener('exit', () => setFlagsFromString(`${flag}=${usual}`));
}

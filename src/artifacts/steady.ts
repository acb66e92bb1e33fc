import type { BigIntStats } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Kernels stamp files by a clock that ticks up to every 10 ms: within a tick two writes look like one. */
const TICK_MS = 20;

/** The same bytes, as far as a file system can tell without reading them. */
export function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.ino === b.ino && a.dev === b.dev;
}

/** For a digest over a whole tree's stamps. */
export function stampOf(path: string, stats: BigIntStats): string {
  return `${path}\0${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.ino} ${stats.mode}\n`;
}

/** A file written this very moment could be written again without its time telling: such a one is read a moment later. */
export function isFresh(stats: BigIntStats): boolean {
  const age = Date.now() - Number(stats.ctimeNs / 1_000_000n);
  return age < TICK_MS && age > -TICK_MS;
}

export async function ripen(): Promise<void> {
  await setTimeout(TICK_MS + 5);
}

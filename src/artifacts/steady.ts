import type { BigIntStats } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Digest } from '../core/brand.js';
import type { Blake3 } from '../hash.js';

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

/** One digest over many stamps. They are short: hashed one by one, the calls cost more than the hashing. */
export class Stamps {
  readonly #hash: ReturnType<Blake3['stream']>;
  #text = '';

  constructor(hash: Blake3) {
    this.#hash = hash.stream();
  }

  add(stamp: string): void {
    this.#text += stamp;
    if (this.#text.length > 65_536) this.#turn();
  }

  digest(): Digest {
    this.#turn();
    return this.#hash.digest();
  }

  #turn(): void {
    this.#hash.update(Buffer.from(this.#text));
    this.#text = '';
  }
}

/** A file written this very moment could be written again without its time telling: such a one is read a moment later. */
export function isFresh(stats: BigIntStats): boolean {
  const age = Date.now() - Number(stats.ctimeNs / 1_000_000n);
  return age < TICK_MS && age > -TICK_MS;
}

export async function ripen(): Promise<void> {
  await setTimeout(TICK_MS + 5);
}

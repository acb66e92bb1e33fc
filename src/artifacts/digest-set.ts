import type { Digest } from '../core/brand.js';

/**
 * Digests by their first 52 bits, in 11 bytes each or so. Two that share them are taken for one: for marking that is the
 * safe side, since it keeps a blob too many and never one too few.
 */
export class DigestSet {
  #slots = new Float64Array(1024);
  #count = 0;

  add(digest: Digest): void {
    if (this.#count * 4 >= this.#slots.length * 3) this.#grow();
    const number = numberOf(digest);
    const slot = this.#slotOf(number);
    if (this.#slots[slot] === number) return;
    this.#slots[slot] = number;
    this.#count += 1;
  }

  has(digest: Digest): boolean {
    return this.#slots[this.#slotOf(numberOf(digest))] !== 0;
  }

  #slotOf(number: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = (number % 2 ** 31) & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!;
      if (found === 0 || found === number) return slot;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(old.length * 2);
    for (const number of old) if (number !== 0) this.#slots[this.#slotOf(number)] = number;
  }
}

/** 0 stands for a free slot. */
function numberOf(digest: Digest): number {
  return Number.parseInt(digest.slice(7, 20), 16) || 1;
}

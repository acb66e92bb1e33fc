import { randomFillSync } from 'node:crypto';

/** So many are held as they are; of more only fingerprints. */
const EXACT = 10_000;
const WORDS = 3;

/**
 * Which names were there already, in some thirty bytes a name however long they are. Two names are taken for one with a
 * chance of 1 in 10^17 for a million of them, under seeds that nobody can know.
 */
export class NamesSeen {
  #exact: Set<string> | undefined = new Set();
  #slots = new Uint32Array();
  #size = 0;
  readonly #seeds = randomFillSync(new Uint32Array(WORDS));
  readonly #print = new Uint32Array(WORDS);

  /** True if it is new. */
  add(name: string): boolean {
    if (this.#exact) {
      if (this.#exact.has(name)) return false;
      this.#exact.add(name);
      if (this.#exact.size > EXACT) this.#fold(this.#exact);
      return true;
    }
    this.#printOf(name);
    return this.#put(this.#print);
  }

  has(name: string): boolean {
    if (this.#exact) return this.#exact.has(name);
    this.#printOf(name);
    return this.#slots[this.#slotOf(this.#print)] !== 0;
  }

  #fold(names: ReadonlySet<string>): void {
    this.#exact = undefined;
    this.#slots = new Uint32Array(WORDS * 4 * 2 ** Math.ceil(Math.log2(EXACT)));
    for (const name of names) {
      this.#printOf(name);
      this.#put(this.#print);
    }
  }

  #put(print: Uint32Array): boolean {
    const at = this.#slotOf(print);
    if (this.#slots[at] !== 0) return false;
    this.#slots.set(print, at);
    this.#size += 1;
    if (this.#size * 2 * WORDS > this.#slots.length) this.#grow();
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at] === 0) continue;
      const print = old.subarray(at, at + WORDS);
      this.#slots.set(print, this.#slotOf(print));
    }
  }

  /** Where it is, or where it would be put. */
  #slotOf(print: Uint32Array): number {
    const mask = this.#slots.length / WORDS - 1;
    for (let slot = print[1]! & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (this.#slots[at] === 0) return at;
      if (WORD_INDEXES.every((word) => this.#slots[at + word] === print[word])) return at;
    }
  }

  /** Each word goes its own way through the name; the first is never 0, which is an empty slot's. */
  #printOf(name: string): void {
    for (const word of WORD_INDEXES) {
      let hash = this.#seeds[word]!;
      for (let i = 0; i < name.length; i++) {
        hash = Math.imul(hash ^ name.charCodeAt(i), FACTORS[word]!);
        hash ^= hash >>> 15;
      }
      this.#print[word] = finished(hash ^ name.length);
    }
    this.#print[0]! |= 1;
  }
}

const WORD_INDEXES = [0, 1, 2] as const;
const FACTORS = [0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

/** The end of MurmurHash3, which lets each bit change all others: https://github.com/aappleby/smhasher */
function finished(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

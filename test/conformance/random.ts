/** Small, seeded, good enough to mix up a test (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function intBelow(random: () => number, below: number): number {
  return Math.floor(random() * below);
}

export function pick<T>(random: () => number, list: readonly T[]): T {
  return list[intBelow(random, list.length)]!;
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const all = [...items];
  for (let at = all.length - 1; at > 0; at--) {
    const other = intBelow(random, at + 1);
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all;
}

export function bytesFrom(random: () => number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 1) bytes[i] = intBelow(random, 256);
  return bytes;
}

/** STEPASIDE_SEED repeats a run; every suite prints the one it used. */
export function seedOfRun(): number {
  const given = process.env['STEPASIDE_SEED'] ?? '';
  return given === '' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

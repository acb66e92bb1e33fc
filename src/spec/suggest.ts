/** "Did you mean": the nearest of the names that are legal in a place. */

const SYNONYMS: Readonly<Record<string, string>> = {
  after: 'needs',
  cmd: 'run',
  command: 'run',
  dependencies: 'needs',
  depends: 'needs',
  dependsOn: 'needs',
  depends_on: 'needs',
  environment: 'env',
  foreach: 'forEach',
  if: 'when',
  matrix: 'forEach',
  parameters: 'params',
  retry: 'retries',
  ttl: 'maxAge',
  withItems: 'forEach',
};

/** Long names and long lists are not worth the time: a flood of mistakes must stay cheap. */
const MAX_NAME = 64;
export const MAX_NAMES = 2_000;

export function suggest(wrong: string, names: readonly string[]): string | undefined {
  const synonym = Object.hasOwn(SYNONYMS, wrong) ? SYNONYMS[wrong] : undefined;
  if (synonym !== undefined && names.includes(synonym)) return synonym;
  if (wrong.length > MAX_NAME || names.length > MAX_NAMES) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.min(3, Math.floor(wrong.length / 3))) + 1;
  for (const name of names) {
    if (Math.abs(name.length - wrong.length) >= least || name.length > MAX_NAME) continue;
    const edits = distance(wrong.toLowerCase(), name.toLowerCase());
    if (edits < least) {
      least = edits;
      best = name;
    }
  }
  return best;
}

export function didYouMean(wrong: string, names: readonly string[]): string | undefined {
  const name = suggest(wrong, names);
  return name === undefined ? undefined : `did you mean "${name}"?`;
}

/** The nearest name, or else all of them if they fit a line. Sets are only written out if they are not too long. */
export function oneOf(wrong: string, among: readonly string[] | ReadonlySet<string>): string | undefined {
  if ('size' in among && among.size > MAX_NAMES) return undefined;
  const names = [...among];
  return (
    didYouMean(wrong, names) ?? (names.length > 0 && names.length <= 20 ? `known: ${names.join(', ')}` : undefined)
  );
}

/** Damerau-Levenshtein (optimal string alignment): insert, delete, replace, or swap two neighbours. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1);
      row.push(edits);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}

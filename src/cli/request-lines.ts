import type { Decided } from '../look/planner.js';

/** How many requests it took, and why these (-v). */
export function describeRequests(
  decided: readonly Decided[],
  sent: ReadonlyMap<string, Readonly<Record<string, number>>>,
): readonly string[] {
  const lines = decided.map(({ store, below, how, names, trees, pages, why }) => {
    const what = [plural(names, 'name'), plural(trees, 'listing')].filter(Boolean).join(' and ');
    const cost = how === 'LIST' ? ` out of ${plural(pages, 'page')}` : ' one by one';
    return `${store}: ${what} below ${JSON.stringify(below)}${cost}: ${why}`;
  });
  for (const [store, kinds] of sent) {
    const all = Object.entries(kinds);
    const sum = all.reduce((total, [, count]) => total + count, 0);
    lines.push(
      `${store}: ${plural(sum, 'request') || 'no request'} (${all.map(([kind, n]) => `${n} ${kind}`).join(', ')})`,
    );
  }
  return lines;
}

function plural(n: number, word: string): string {
  return n === 0 ? '' : `${n} ${word}${n === 1 ? '' : 's'}`;
}

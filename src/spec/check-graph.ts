/** Names and needs: every step once, every need known, no circles. Loops instead of recursion: chains may be long. */
import { countSeries, items, seriesIndexOf } from '../core/series.js';
import type { Need, Series } from '../core/step.js';
import { parseTemplate, substitute } from '../core/template.js';
import type { Draft, DraftStep } from './draft.js';
import { quote } from './issue.js';
import { MAX_NAMES, oneOf } from './suggest.js';

export function checkGraph(draft: Draft): void {
  const byName = new Map<string, number>();
  for (const [index, { step, at }] of draft.steps.entries()) {
    const first = byName.get(step.name);
    if (first === undefined) byName.set(step.name, index);
    else {
      const { line } = draft.locator.locate([...draft.steps[first]!.at, 'name'], 'value');
      draft.issues.error('config/duplicate-step', [...at, 'name'], `there is a step ${quote(step.name)} already`, {
        hint: line > 0 ? `it is in line ${line}` : undefined,
      });
    }
  }
  for (const step of draft.steps) {
    if (draft.issues.overflow) return draft.issues.stop();
    checkNeeds(step, byName, draft);
  }
  findCycles(draft, byName);
}

function checkNeeds({ step, at }: DraftStep, byName: ReadonlyMap<string, number>, draft: Draft): void {
  const { issues } = draft;
  const seen = new Set<string>();
  for (const [index, need] of step.needs.entries()) {
    const path = [...at, 'needs', index];
    const target = byName.get(need.step);
    const name = `${need.step}[${need.item ?? ''}]`;
    if (seen.has(name)) {
      issues.error('config/conflict', path, `${quote(need.step)} is needed twice`);
      continue;
    }
    seen.add(name);
    if (need.step.includes('{{'))
      issues.error('config/placeholder-not-allowed', path, 'a step is needed by its name, without placeholders', {
        hint: 'only the item may have them, as in clean[{{each.date}}]',
      });
    else if (target === undefined)
      issues.error('config/unknown-step', path, `there is no step ${quote(need.step)}`, {
        hint: () => (byName.size > MAX_NAMES ? undefined : oneOf(need.step, [...byName.keys()])),
      });
    else if (need.item !== undefined) checkItem(need, step.forEach, draft.steps[target]!, path, draft);
  }
}

/** Beyond this many items a need is only accepted if it can be seen without trying them. */
const MAX_TRIED = 100_000;

function checkItem(
  need: Need,
  own: Readonly<Record<string, Series>>,
  target: DraftStep,
  path: readonly (string | number)[],
  draft: Draft,
): void {
  const item = need.item ?? '';
  const theirs = Object.values(target.step.forEach);
  const say = (why: string, hint?: string) => draft.issues.error('config/unknown-item', path, why, { hint });
  if (theirs.length === 0) return say(`${quote(need.step)} has no forEach, so no items`, `write ${need.step}`);
  const parts = item.split(',');
  if (parts.length !== theirs.length)
    return say(
      `the items of ${quote(need.step)} have ${theirs.length === 1 ? 'one value' : `${theirs.length} values`}, not ${parts.length}`,
    );
  const params: Record<string, string | number | boolean> = {};
  for (const [name, { value }] of Object.entries(draft.params)) params[name] = value ?? '';
  for (const [index, part] of parts.entries()) {
    const series = theirs[index]!;
    const pieces = parseTemplate(part);
    const used = pieces.flatMap((piece) => (typeof piece === 'string' || piece.source !== 'each' ? [] : [piece.name]));
    // What is unresolved is said elsewhere.
    if (pieces.some((p) => typeof p !== 'string' && (p.source === 'unknown' || !known(p, own, params)))) continue;
    if (pieces.length === 1 && used[0] !== undefined && same(own[used[0]]!, series)) continue;
    const relevant = Object.fromEntries(used.map((name) => [name, own[name]!]));
    const count = Object.values(relevant).reduce((product, one) => product * countSeries(one), 1);
    if (count > MAX_TRIED)
      return say('there are too many items to try', 'give both steps the same forEach, or need the whole step');
    const lookUp = finder(series);
    for (const each of items(relevant)) {
      const text = substitute(part, { params, each }, { as: 'text' });
      if (!lookUp(text)) return say(`${quote(need.step)} has no item ${quote(text)}`);
    }
  }
}

function known(
  piece: { readonly source: string; readonly name: string },
  own: Readonly<Record<string, Series>>,
  params: Readonly<Record<string, unknown>>,
): boolean {
  return Object.hasOwn(piece.source === 'each' ? own : params, piece.name);
}

function same(a: Series, b: Series): boolean {
  return countSeries(a) === countSeries(b) && JSON.stringify(a) === JSON.stringify(b);
}

function finder(series: Series): (text: string) => boolean {
  if (series.kind !== 'list') return (text) => seriesIndexOf(series, text) >= 0;
  const texts = new Set(series.items.map(String));
  return (text) => texts.has(text);
}

const MAX_CYCLES = 20;

/** Depth first with a stack of our own; one circle per way back, so that every circle that is left after a repair is new. */
function findCycles(draft: Draft, byName: ReadonlyMap<string, number>): void {
  const { steps } = draft;
  const state = new Uint8Array(steps.length); // 0 new, 1 on the stack, 2 done
  let found = 0;
  for (let root = 0; root < steps.length; root++) {
    if (state[root] !== 0) continue;
    const stack: { step: number; next: number }[] = [{ step: root, next: 0 }];
    state[root] = 1;
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const need = steps[top.step]!.step.needs[top.next++];
      if (!need) {
        state[top.step] = 2;
        stack.pop();
        continue;
      }
      const target = byName.get(need.step);
      if (target === undefined) continue;
      if (state[target] === 0) {
        state[target] = 1;
        stack.push({ step: target, next: 0 });
      } else if (state[target] === 1 && found++ < MAX_CYCLES) {
        const from = stack.findLastIndex(({ step }) => step === target);
        reportCycle(draft, stack.slice(from));
      }
    }
  }
}

function reportCycle({ steps, issues }: Draft, circle: readonly { step: number; next: number }[]): void {
  // Told from the step that stands first in the file, wherever the search came in.
  const first = circle.reduce((least, { step }, index) => (step < circle[least]!.step ? index : least), 0);
  const turned = [...circle.slice(first), ...circle.slice(0, first)];
  const { step, next } = turned[0]!;
  const names = [...turned, turned[0]!].map(({ step: index }) => steps[index]!.step.name);
  const shown = names.length <= 12 ? names : [...names.slice(0, 8), `(${names.length - 10} more)`, ...names.slice(-2)];
  issues.error(
    'config/cycle',
    [...steps[step]!.at, 'needs', next - 1],
    names.length === 2
      ? `the step needs itself: ${shown.join(' -> ')}`
      : `steps need each other: ${shown.join(' -> ')}`,
  );
}

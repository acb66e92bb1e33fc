/** Two outputs of a step may have one marker; what it must hold, and who writes it, is then said twice and must agree. */
import { countItems, items } from '../core/series.js';
import type { Output } from '../core/step.js';
import { type Draft, type DraftStep, isAbsolute, sample, valuesOf } from './draft.js';
import { quote } from './issue.js';
import { type PlacePattern, placeOf, placePattern } from './place-pattern.js';

/** Items that are tried, all together; beyond them only the texts are compared. */
const MAX_TRIED = 100_000;

interface Marked {
  readonly output: Output;
  readonly index: number;
  readonly pattern: PlacePattern;
}

export function checkSharedMarkers(draft: Draft): void {
  let tried = 0;
  const params = valuesOf(draft);
  for (const step of draft.steps) {
    const { forEach, outputs } = step.step;
    if (new Set(outputs.filter(({ marker }) => marker !== undefined).map(saying)).size < 2) continue;
    const marked = outputs.flatMap((output, index): Marked[] => {
      const text = markerText(output, step, draft);
      const pattern = text === undefined ? undefined : placePattern(text, draft, params, forEach);
      return pattern ? [{ output, index, pattern }] : [];
    });
    const pairs = new Set<string>();
    for (const item of items(forEach)) {
      if (tried > MAX_TRIED) break;
      tried += marked.length;
      compare(marked, (pattern) => placeOf(pattern, item), pairs, step, draft);
    }
    // Texts that are alike are alike for all items.
    if (tried > MAX_TRIED && countItems(forEach) > 1)
      compare(marked, (pattern) => JSON.stringify(pattern.segments), pairs, step, draft);
  }
}

function compare(
  marked: readonly Marked[],
  placeIn: (pattern: PlacePattern) => string,
  said: Set<string>,
  { at }: DraftStep,
  { issues }: Draft,
): void {
  const first = new Map<string, Marked>();
  for (const one of marked) {
    const place = placeIn(one.pattern);
    const other = first.get(place);
    if (!other) first.set(place, one);
    else if (saying(other.output) !== saying(one.output) && !said.has(`${other.index} ${one.index}`)) {
      said.add(`${other.index} ${one.index}`);
      const why = `the marker is also that of the output ${quote(other.output.name)}, which says ${saying(other.output)}, and here it is ${saying(one.output)}`;
      issues.error('config/conflict', [...at, 'outputs', one.index, 'marker'], why, {
        hint: 'say the same of both, or give each output a marker of its own',
      });
    }
  }
}

function saying({ match, content, markerBy }: Output): string {
  const holds =
    content !== undefined
      ? `content: ${quote(content)}`
      : match !== undefined
        ? `match: ${match}`
        : 'nothing of what it holds';
  return `${holds}, markerBy: ${markerBy}`;
}

/** In full: a name goes below its output, and means nothing where that is no tree. */
function markerText({ path, marker }: Output, step: DraftStep, draft: Draft): string | undefined {
  if (path === undefined || marker === undefined) return undefined;
  return isAbsolute(sample(marker, step, draft)) ? marker : `${path}${path.endsWith('/') ? '' : '/'}${marker}`;
}

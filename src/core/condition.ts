/** Three-valued conditions on places: what is not surely so is unknown, and stays unknown through every combination. */

/** What a condition asks about: a place, its marker, or a number of names below a tree. As written, until substituted. */
export type PathQuestion =
  | { readonly path: string; readonly marker?: string; readonly content?: string }
  | { readonly glob: string; readonly min: number; readonly minBytes?: number };

export type Condition =
  | { readonly pathExists: readonly PathQuestion[] }
  | { readonly pathNotExists: readonly PathQuestion[] }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

export type Truth = 'true' | 'false' | 'unknown';

export interface Judgement {
  readonly truth: Truth;
  /** The questions whose answers settled it. */
  readonly because: readonly PathQuestion[];
}

/** `ask` says whether the thing is there: surely (`true`), surely not (`false`), or nobody can tell. */
export function judge(condition: Condition, ask: (question: PathQuestion) => Truth): Judgement {
  if ('pathExists' in condition) return allOf(condition.pathExists.map((q) => leaf(q, ask(q))));
  if ('pathNotExists' in condition) return not(allOf(condition.pathNotExists.map((q) => leaf(q, ask(q)))));
  if ('all' in condition) return allOf(condition.all.map((part) => judge(part, ask)));
  if ('any' in condition) return not(allOf(condition.any.map((part) => not(judge(part, ask)))));
  if ('not' in condition) return not(judge(condition.not, ask));
  return condition satisfies never;
}

/** Every question a condition asks, in the order written. */
export function questions(condition: Condition): readonly PathQuestion[] {
  if ('pathExists' in condition) return condition.pathExists;
  if ('pathNotExists' in condition) return condition.pathNotExists;
  if ('all' in condition) return condition.all.flatMap(questions);
  if ('any' in condition) return condition.any.flatMap(questions);
  if ('not' in condition) return questions(condition.not);
  return condition satisfies never;
}

function leaf(question: PathQuestion, truth: Truth): Judgement {
  return { truth, because: [question] };
}

/** Kleene's conjunction: one sure `false` settles it even when others are unknown. */
function allOf(parts: readonly Judgement[]): Judgement {
  const truth = parts.some((p) => p.truth === 'false')
    ? 'false'
    : parts.some((p) => p.truth === 'unknown')
      ? 'unknown'
      : 'true';
  return { truth, because: parts.filter((p) => p.truth === truth).flatMap((p) => p.because) };
}

const OPPOSITE = { true: 'false', false: 'true', unknown: 'unknown' } as const;

function not(part: Judgement): Judgement {
  return { truth: OPPOSITE[part.truth], because: part.because };
}

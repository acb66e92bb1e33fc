/** Of a shell string: text, or a placeholder. */
export type Part = string | { readonly text: string };

/** How a value stands in a shell string, or why it has no place there. */
export type ShellContext = 'word' | 'double' | 'single' | { readonly refused: string };

// Texts with a NUL are refused, so one can stand for a value.
export const VALUE = '\0';

export interface Value {
  readonly index: number;
  readonly context: 'word' | 'double' | 'single';
  fault?: string;
}

/** A word of a command, with the values that stand in it. */
export class Word {
  /** As written, and without quotes; a value is a NUL. */
  raw = '';
  text = '';
  /** No quotes and nothing with a meaning; all of it known; always one argument. */
  plain = true;
  literal = true;
  single = true;
  odd = false;
  readonly values: Value[] = [];
}

/** What no value of a file may be, whatever field it stands in: the key's encoding could not carry it exactly. */
import { type Issues, type Path, quote } from './issue.js';

const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
export const RESERVED_HINT = 'choose another name';

export function isReserved(name: string): boolean {
  return RESERVED.has(name);
}

export function checkScalar(value: unknown, source: string | undefined, path: Path, issues: Issues): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value))
      issues.error('config/inexact-number', path, `${source ?? value} is no number that can be kept`, {
        hint: `quote it if a text is meant: "${source ?? value}"`,
      });
    else if (Number.isInteger(value) && !Number.isSafeInteger(value))
      issues.error(
        'config/inexact-number',
        path,
        `the integer ${source ?? value} is beyond 2^53 and would be rounded`,
        {
          hint: `quote it: "${source ?? value}"`,
        },
      );
  } else if (typeof value === 'string') {
    if (!value.isWellFormed())
      issues.error('config/lone-surrogate', path, `${quote(value)} holds half of a character and cannot be written`);
    else if (value.includes('\0')) issues.error('config/bad-value', path, `${quote(value)} holds a NUL character`);
  }
}

/** The same for a value that never was a text: what a library's caller hands over. Iterative, since it may be deep. */
export function checkTree(root: unknown, issues: Issues, limits: { depth: number; values: number }): boolean {
  const todo: { value: unknown; path: Path }[] = [{ value: root, path: [] }];
  let count = 0;
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { value, path } = next;
    if (++count > limits.values || path.length > limits.depth) {
      issues.error('config/too-large', path, 'the workflow is too large, too deep or holds itself');
      return false;
    }
    if (typeof value !== 'object' || value === null) {
      checkScalar(value, undefined, path, issues);
      continue;
    }
    for (const name of Object.keys(value)) {
      const at = Array.isArray(value) ? [...path, Number(name)] : [...path, name];
      if (isReserved(name))
        issues.error('config/reserved-name', at, `${quote(name)} cannot be a name`, { hint: RESERVED_HINT });
      else todo.push({ value: (value as Record<string, unknown>)[name], path: at });
    }
  }
  return true;
}

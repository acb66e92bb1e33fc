import type { Path } from './issue.js';
import type { Reporter } from './report-shape.js';

/**
 * `1.10`, `012`, `1e3` and `0x1F` are numbers in YAML, and are written differently when they become text again: not what
 * somebody means who writes a version or a month.
 */
export function warnSpelling(value: unknown, path: Path, { issues, locator }: Reporter): void {
  if (typeof value !== 'number' && typeof value !== 'boolean') return;
  const written = locator.written(path);
  if (written === undefined || written === String(value)) return;
  const what = typeof value === 'number' ? `the number ${value}` : String(value);
  issues.warn('config/number-for-text', path, `${written} is read as ${what}`, {
    hint: `quote it to keep the text: "${written}"`,
  });
}

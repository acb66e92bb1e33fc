import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMPTY_CONFIG } from '../../src/core/config.js';
import { formatIssue } from '../../src/spec/issue.js';
import { loadWorkflowText } from '../../src/spec/load.js';
import { loadConfigText } from '../../src/spec/load-config.js';

const GOOD = readFileSync(new URL('./full.yaml', import.meta.url), 'utf8');
const SCRAPS = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ' ',
  '\n',
  '- ',
  '"',
  "'",
  '&a',
  '*a',
  '<<',
  '!!',
  '|',
  '>',
  '\t',
  '{{',
  '}}',
  '{{params.x}}',
  '#',
  '0',
  '1e9',
  '.nan',
  'null',
  '~',
  '/',
  '..',
  's3://',
  ',',
  '\ud800',
  '\0',
  '%',
  '---',
  '? ',
  'name',
  'steps:',
  '\u2028',
];

/** What people and editors do to a file: cut, double, move, insert. */
const edit = fc.tuple(
  fc.constantFrom('cut', 'insert', 'double', 'move'),
  fc.nat(),
  fc.nat(40),
  fc.nat(),
  fc.constantFrom(...SCRAPS),
);

function mutate(
  text: string,
  [kind, at, length, to, scrap]: readonly [string, number, number, number, string],
): string {
  const i = at % (text.length + 1);
  const piece = text.slice(i, i + length);
  const j = to % (text.length + 1);
  if (kind === 'cut') return text.slice(0, i) + text.slice(i + length);
  if (kind === 'insert') return text.slice(0, i) + scrap + text.slice(i);
  if (kind === 'double') return text.slice(0, i) + piece + text.slice(i);
  const rest = text.slice(0, i) + text.slice(i + length);
  return rest.slice(0, j) + piece + rest.slice(j);
}

test('no mutation of the example throws or takes long, and every issue has a place in the file', () => {
  let slowest = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
      const text = edits.reduce(mutate, GOOD);
      const before = performance.now();
      const loaded = loadWorkflowText({ text, file: 'wf.yaml', params: { token: 'x' }, config: EMPTY_CONFIG });
      slowest = Math.max(slowest, performance.now() - before);
      const lines = text.split('\n').length;
      for (const issue of loaded.ok ? loaded.warnings : loaded.issues) {
        expect(issue.line).toBeGreaterThanOrEqual(1);
        expect(issue.line).toBeLessThanOrEqual(lines);
        expect(issue.col).toBeGreaterThanOrEqual(1);
        expect(formatIssue(issue)).toMatch(/^wf\.yaml:\d+:\d+ {2}\S/);
      }
      if (!loaded.ok) expect(loaded.issues.some(({ severity }) => severity === 'error')).toBe(true);
      expect(loadConfigText({ text, file: '/x/stepaside.config.yaml' }).ok).toBe(false);
    }),
    { numRuns: 4_000 },
  );
  expect(slowest).toBeLessThan(1_000);
});

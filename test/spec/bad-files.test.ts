import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EMPTY_CONFIG } from '../../src/core/config.js';
import { formatIssue, ISSUE_CODES } from '../../src/spec/issue.js';
import { loadWorkflowText } from '../../src/spec/load.js';

/**
 * `golden/bad-files.txt`: `=== name`, a file, `-->`, what is said about it (code, then the lines that people see).
 * After a deliberate change: UPDATE_GOLDEN=1 npx vitest run test/spec/bad-files.test.ts, and read the difference.
 */
const GOLDEN = new URL('./golden/bad-files.txt', import.meta.url);
const cases = readFileSync(GOLDEN, 'utf8')
  .split(/^=== /m)
  .slice(1)
  .map((text) => {
    const [head = '', expected = ''] = text.split(/^-->\n/m);
    const end = head.indexOf('\n');
    return { name: head.slice(0, end), text: head.slice(end + 1), expected };
  });

function say(text: string): string {
  const loaded = loadWorkflowText({ text, file: 'wf.yaml', config: EMPTY_CONFIG });
  if (loaded.ok) return 'accepted\n';
  return loaded.issues.map((issue) => `${issue.code}\n${formatIssue(issue)}\n`).join('');
}

describe('what is said about bad files', () => {
  if (process.env['UPDATE_GOLDEN']) {
    writeFileSync(GOLDEN, cases.map(({ name, text }) => `=== ${name}\n${text}-->\n${say(text)}`).join(''));
  }
  test.each(cases)('$name', ({ text, expected }) => {
    expect(say(text)).toBe(expected);
    expect(expected).not.toBe('accepted\n');
  });

  test('there are enough of them', () => expect(cases.length).toBeGreaterThanOrEqual(60));

  test('every code in the golden file is in the table', () => {
    const used = new Set(cases.flatMap(({ expected }) => expected.match(/^config\/[a-z0-9-]+$/gm) ?? []));
    for (const code of used) expect(ISSUE_CODES).toHaveProperty([code]);
  });
});

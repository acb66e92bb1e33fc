import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatIssue, formatPath, ISSUE_CODES, Issues } from '../../src/spec/issue.js';
import { distance, suggest } from '../../src/spec/suggest.js';

const SOURCES = ['../../src/spec/', '../../src/core/'].flatMap((folder) => {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url)
    .filter((name) => name.endsWith('.ts') && name !== 'issue.ts')
    .map((name) => ({ name, text: readFileSync(new URL(name, url), 'utf8') }));
});

describe('codes', () => {
  test('the table is complete, and nothing in it is unused', () => {
    const issueFile = readFileSync(new URL('../../src/spec/issue.ts', import.meta.url), 'utf8');
    const used = new Set(
      SOURCES.flatMap(({ text }) => text.match(/'config\/[a-z0-9-]+'/g) ?? []).map((code) => code.slice(1, -1)),
    );
    for (const code of Object.keys(ISSUE_CODES)) {
      // One that only the collector itself gives.
      if (code !== 'config/too-many-issues') expect(used, code).toContain(code);
      expect(issueFile).toContain(`'${code}': '`);
    }
    const inSpec = SOURCES.flatMap(({ text }) => text.match(/issues\.(?:error|warn)\(\s*'config\/[a-z0-9-]+'/g) ?? []);
    for (const call of inSpec) expect(Object.keys(ISSUE_CODES)).toContain(/'(.*)'/.exec(call)![1]);
  });
});

describe('issues', () => {
  const locator = { file: 'f.yaml', locate: () => ({ line: 3, col: 7 }), written: () => undefined };

  test('a line for the place, a line for the hint', () => {
    const issues = new Issues(locator);
    issues.error('config/bad-value', ['steps', 2, 'a b', 'c'], 'is wrong', { hint: 'do it right' });
    expect(issues.all().map(formatIssue)).toEqual(['f.yaml:3:7  steps[2]["a b"].c: is wrong\n  hint: do it right']);
  });

  test('names cannot steer a terminal', () => {
    const issues = new Issues(locator);
    issues.warn('config/bad-value', ['\u001b[2J'], 'a\u202eb');
    expect(formatIssue(issues.all()[0]!)).toBe('f.yaml:3:7  warning: ["\\u001b[2J"]: a\\u202eb');
  });

  test('each once, a flood counted', () => {
    const issues = new Issues(locator);
    for (let i = 0; i < 3; i++) issues.error('config/bad-value', ['x'], 'same');
    for (let i = 0; i < 5_000; i++) issues.error('config/bad-value', ['x', i], 'other');
    expect(issues.all().length).toBe(1_001);
    expect(issues.all().at(-1)).toMatchObject({ code: 'config/too-many-issues', message: 'and 4001 more problems' });
    expect(issues.hasErrors).toBe(true);
  });

  test('long names are cut in paths', () => {
    expect(formatPath(['x'.repeat(10_000)]).length).toBeLessThan(100);
  });
});

describe('did you mean', () => {
  test.each([
    ['ab', 'ba', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
    ['same', 'same', 0],
  ])('%s and %s are %i apart', (a, b, edits) => expect(distance(a, b)).toBe(edits));

  test('near names only, synonyms first, upper case aside', () => {
    expect(suggest('extarct', ['extract', 'train'])).toBe('extract');
    expect(suggest('dependsOn', ['needs', 'depend'])).toBe('needs');
    expect(suggest('MAXAGE', ['maxAge'])).toBe('maxAge');
    expect(suggest('x', ['run', 'env'])).toBeUndefined();
    expect(suggest('x'.repeat(1_000_000), ['run'])).toBeUndefined();
  });
});

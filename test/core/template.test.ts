import { describe, expect, test } from 'vitest';
import { placeholders, substitute } from '../../src/core/template.js';

const scope = (x: string) => ({ params: { x }, each: { y: 'item' } });

describe('placeholders', () => {
  test('all four forms, with blanks, and what is none', () => {
    expect(
      placeholders('{{params.x}}{{ each.y }}{{inputs.parameters.x}}-{{workflow.parameters.x}}{{x}}').map(
        ({ source, name }) => `${source} ${name}`,
      ),
    ).toEqual(['params x', 'each y', 'params x', 'params x', 'unknown x']);
    for (const text of ['{{.State}}', '{{ .X | json }}', '{ {params.x} }', '{{}}', '${x}', '{{#each y}}'])
      expect(placeholders(text)).toEqual([]);
  });

  test('values are literal: they are never scanned again', () => {
    expect(substitute('{{params.x}}', scope('{{each.y}}'), { as: 'text' })).toBe('{{each.y}}');
    expect(substitute('{{params.x}}{{each.y}}', scope('{{params.'), { as: 'argv' })).toBe('{{params.item');
    expect(substitute('$&{{params.x}}', scope('$1$&'), { as: 'text' })).toBe('$&$1$&');
  });

  test('a prototype holds no values', () => {
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(() => substitute(`{{params.${name}}}`, scope('v'), { as: 'text' })).toThrow(/stands for nothing/);
  });

  test.each([
    ['a/{{params.x}}', '..'],
    ['a/{{params.x}}', 'b/../c'],
    ['a/{{params.x}}', ''],
    ['a/.{{params.x}}/b', '.'],
    ['a/{{params.x}}../b', 'c/'],
    ['{{params.x}}{{params.x}}', '.'],
    ['a/{{params.x}}', 'b\0c'],
  ])('%s with %j is no place', (text, value) => {
    expect(() => substitute(text, scope(value), { as: 'location' })).toThrow();
  });

  test('a message never shows the value, which may be secret', () => {
    for (const as of ['location', 'shell'] as const) {
      try {
        substitute('a/$({{params.x}})', scope('canary/../x'), { as });
        expect.unreachable();
      } catch (error) {
        expect(String(error)).not.toContain('canary');
      }
    }
  });

  test('in patterns a value matches only itself', () => {
    expect(substitute('a/{{params.x}}/*', scope('[b]*{c,d}'), { as: 'glob' })).toBe('a/\\[b\\]\\*\\{c,d\\}/*');
  });
});

import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellContexts } from '../../src/core/shell.js';
import { parseTemplate, placeholders, substitute } from '../../src/core/template.js';

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
        substitute("a/'{{params.x}}'", scope('canary/../x'), { as });
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

/** Each has exactly one place; `undefined` = the value must arrive as (part of) one argument. */
const SHELL_FRAMES: readonly (readonly [string, 'safe' | 'refused'])[] = [
  ['printf %s {{params.x}}', 'safe'],
  ['printf %s "{{params.x}}"', 'safe'],
  ['printf %s pre{{params.x}}post', 'safe'],
  ['printf %s "pre/{{params.x}}.html"', 'safe'],
  ['A=1; printf %s "$A/{{params.x}}"', 'safe'],
  ['true && printf %s --x={{params.x}} | cat', 'safe'],
  ['X=$(echo 1) ; printf %s {{params.x}}', 'safe'],
  ['if true; then printf %s {{params.x}}; fi', 'safe'],
  ['printf %s "${HOME}" >/dev/null; printf %s {{params.x}}', 'safe'],
  ["printf %s 'a b' >/dev/null; printf %s {{params.x}}", 'safe'],
  ['printf %s \\" >/dev/null; printf %s {{params.x}}', 'safe'],
  ["printf %s '{{params.x}}'", 'refused'],
  ['printf %s "a b {{params.x}}"', 'refused'],
  ['sh -c {{params.x}}', 'refused'],
  ['sh -ec "{{params.x}}"', 'refused'],
  ['eval {{params.x}}', 'refused'],
  ['ssh host {{params.x}}', 'refused'],
  ['printf %s $(echo {{params.x}})', 'refused'],
  ['printf %s `echo {{params.x}}`', 'refused'],
  ['printf %s "$(echo {{params.x}})"', 'refused'],
  ['printf %s "`echo {{params.x}}`"', 'refused'],
  ['printf %s "${A:-{{params.x}}}"', 'refused'],
  ['printf %s ${{params.x}}', 'refused'],
  ['printf %s \\{{params.x}}', 'refused'],
  ['cat <<EOF\n{{params.x}}\nEOF', 'refused'],
  ['cat <<EOF\nEOF\nprintf %s {{params.x}}', 'refused'],
  ['printf %s # {{params.x}}', 'refused'],
  ['printf %s $(( {{params.x}} + 1 ))', 'refused'],
  ['(( {{params.x}} ))', 'refused'],
  ['[[ {{params.x}} -eq 1 ]]', 'refused'],
  ['$(echo ")"{{params.x}}"a")', 'refused'],
  ['"$(case x in a) echo "{{params.x}} y" ;; esac)"', 'refused'],
  ["$'it\\'s'{{params.x}}", 'refused'],
  ['printf "%s {{params.x}}', 'refused'],
];

describe('in a shell string', () => {
  test.each(SHELL_FRAMES)('%s is %s', (frame, verdict) => {
    const context = shellContexts(parseTemplate(frame)).find((one) => one !== undefined);
    expect(typeof context === 'object' ? 'refused' : 'safe').toBe(verdict);
  });

  const nasty = fc.oneof(
    fc.string({ unit: fc.constantFrom(...`'"\\$\`;|&(){}<>*?[]#~! \n\tab-=`), maxLength: 12 }),
    fc.constantFrom("'; touch /tmp/x; '", '$(id)', '`id`', '"; id; "', '\\', "\\'", '${HOME}', '-n', '$', 'a\'b"c'),
  );
  test.each(['sh', 'bash'])('%s sees exactly the value', (shell) => {
    const safe = SHELL_FRAMES.filter(([, verdict]) => verdict === 'safe').slice(0, 5);
    const prefix = ['', '', 'pre', 'pre/', '1/'];
    const suffix = ['', '', 'post', '.html', ''];
    fc.assert(
      fc.property(fc.array(nasty, { minLength: 10, maxLength: 10 }), fc.nat(4), (values, which) => {
        const frame = safe[which]![0];
        // One shell for many values: starting it costs more than all the rest.
        const script = values.map((x) => `${substitute(frame, scope(x), { as: 'shell' })}\nprintf '\\001'`).join('\n');
        const seen = execFileSync(shell, ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
        expect(seen.split('\u0001').slice(0, -1)).toEqual(values.map((x) => prefix[which] + x + suffix[which]));
      }),
      { numRuns: 150 },
    );
  });
});

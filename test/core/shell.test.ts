import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellContexts } from '../../src/core/shell.js';
import { parseTemplate, substitute } from '../../src/core/template.js';

const SHELLS = ['sh', 'bash', ...(existsSync('/usr/bin/dash') ? ['dash'] : [])];
const X = '{{params.x}}';

function accepts(frame: string): boolean {
  return shellContexts(parseTemplate(frame)).every((context) => typeof context !== 'object');
}

function fill(frame: string, x: string): string {
  return substitute(frame, { params: { x }, each: {} }, { as: 'shell' });
}

/** `show` writes what it is given: the value must be there between these, as one argument. */
const SAFE: readonly (readonly [frame: string, before: string, after: string])[] = [
  ['show {{params.x}}', '', ''],
  ['show "{{params.x}}"', '', ''],
  ["show '{{params.x}}'", '', ''],
  ['show pre{{params.x}}post', 'pre', 'post'],
  ['show "pre/{{params.x}}.html"', 'pre/', '.html'],
  ["show 'pre/{{params.x}}.html'", 'pre/', '.html'],
  [`show "a"'{{params.x}}'b`, 'a', 'b'],
  ['A=1; show "$A/{{params.x}}"', '1/', ''],
  ['A=1; show "${A}{{params.x}}"', '1', ''],
  ['A=1 show --x={{params.x}}', '--x=', ''],
  ['true && show --x={{params.x}} | cat', '--x=', ''],
  ['X=$(echo 1) ; show {{params.x}}', '', ''],
  ['X=`echo 1`; show {{params.x}}', '', ''],
  ['if true; then show {{params.x}}; fi', '', ''],
  ['for f in a; do show {{params.x}}; done', '', ''],
  ['while show {{params.x}}; do break; done', '', ''],
  ['{ show {{params.x}}; }', '', ''],
  ['( show {{params.x}} )', '', ''],
  ['! false && show {{params.x}} # as it is', '', ''],
  ['show "${HOME}" >/dev/null; show {{params.x}}', '', ''],
  ['2>/dev/null show {{params.x}} 2>&1', '', ''],
  ["show 'a b' >/dev/null\nshow \\\n  {{params.x}}", '', ''],
  ['show \\" >/dev/null; show {{params.x}}', '', ''],
  ['show $((1 + 2)) >/dev/null; show {{params.x}}', '', ''],
  ['printf "%s\\001" {{params.x}}', '', ''],
  ['[ "{{params.x}}" = a ]; test -f {{params.x}}; [ ! -n {{params.x}} ]; show {{params.x}}', '', ''],
  ['bash "$PROGRAM" {{params.x}}'.replace('"$PROGRAM"', './show.sh'), '', ''],
  ['sh -eu ./show.sh {{params.x}}', '', ''],
];

const REFUSED: readonly string[] = [
  // Quotes around more than one word: a program of another language, most likely.
  'show "a b {{params.x}}"',
  "awk '{ print {{params.x}} }'",
  'show "{{params.x}}',
  "show '{{params.x}}",
  // Code.
  'sh -c {{params.x}}',
  'sh -ec "{{params.x}}"',
  'sh {{params.x}}',
  'sh < {{params.x}}',
  'eval {{params.x}}',
  '"eval" {{params.x}}',
  '\\eval {{params.x}}',
  'ev\\\nal {{params.x}}',
  'command eval {{params.x}}',
  'builtin eval {{params.x}}',
  'exec {{params.x}}',
  '. {{params.x}}',
  'source {{params.x}}',
  'trap {{params.x}} EXIT',
  'alias a={{params.x}}',
  'alias show=eval\nshow {{params.x}}',
  'f() { eval "$1"; }; f {{params.x}}',
  'function f { eval "$1"; }; f {{params.x}}',
  'env -S {{params.x}}',
  'env sh -c {{params.x}}',
  'xargs sh -c {{params.x}}',
  'ssh host {{params.x}}',
  '/usr/bin/ssh host {{params.x}}',
  'su -c {{params.x}}',
  'sudo sh -c {{params.x}}',
  'docker run image sh -c {{params.x}}',
  'wrapper -c{{params.x}}',
  'wrapper --eval={{params.x}}',
  'find . -exec {{params.x}} +',
  'time eval {{params.x}}',
  'timeout 5 sh -c {{params.x}}',
  'python -c {{params.x}}',
  'python {{params.x}}',
  'python -m timeit {{params.x}}',
  'perl -e {{params.x}}',
  'node --eval {{params.x}}',
  '$RUN {{params.x}}',
  '"$RUN" {{params.x}}',
  '{{params.x}}',
  '{{params.x}} a',
  '>out {{params.x}}',
  '2>out eval {{params.x}}',
  // Through a pipe.
  'echo {{params.x}} | sh',
  'echo {{params.x}} | cat | bash -s',
  'echo {{params.x}} |\n  # a comment\n  xargs rm',
  'echo {{params.x}} | while read l; do eval "$l"; done',
  '{ echo {{params.x}}; } | sh',
  '(echo {{params.x}}) | sh',
  'if true; then echo {{params.x}}; fi | sh',
  'echo {{params.x}} | kubectl exec -i pod -- sh',
  'echo {{params.x}} | tee >(sh)',
  'echo {{params.x}} | cat <<EOF\nEOF',
  // Names, subscripts and sums.
  'printf -v {{params.x}} a',
  'printf {{params.x}}',
  'printf %d {{params.x}}',
  '[ -v {{params.x}} ]',
  'test -v {{params.x}}',
  '[ {{params.x}} -eq 1 ]',
  '[ {{params.x}} "$A" ]',
  '[ a = a -a {{params.x}} "$A" ]',
  '[ $A {{params.x}} ]',
  'a[{{params.x}}]=1',
  'read {{params.x}}',
  'unset {{params.x}}',
  'declare -i n={{params.x}}',
  'let {{params.x}}',
  'export A={{params.x}}',
  'exit {{params.x}}',
  'show $[{{params.x}}]',
  'show "$[{{params.x}}]"',
  'show $[ 1 ] {{params.x}}',
  'show $(( {{params.x}} + 1 ))',
  '(( {{params.x}} ))',
  '(\\\n( a {{params.x}} ))',
  '[[ {{params.x}} -eq 1 ]]',
  '[[ a == b ]] && show {{params.x}}',
  'case {{params.x}} in a) true ;; esac',
  'case a in {{params.x}}) true ;; esac',
  'for f in {{params.x}}; do show "$f"; done',
  // Assignments, which other things read again.
  'A={{params.x}}',
  'A={{params.x}} show',
  'PS4={{params.x}} show',
  'BASH_ENV={{params.x}} bash ./show.sh',
  'ENV="{{params.x}}" sh ./show.sh',
  'PROMPT_COMMAND={{params.x}}',
  // Constructs inside which a second reader takes the value apart.
  'show $(echo {{params.x}})',
  'show `echo {{params.x}}`',
  'show "$(echo {{params.x}})"',
  'show "`echo {{params.x}}`"',
  'show "${A:-{{params.x}}}"',
  'show ${A:-{{params.x}}}',
  'show ${{params.x}}',
  'show "$A{{params.x}}"',
  'show \\{{params.x}}',
  'show "$\\\n(echo "a {{params.x}} b")"',
  'cat <<EOF\n{{params.x}}\nEOF',
  'cat <<EOF\nEOF\nshow {{params.x}}',
  'cat <\\\n<EOF\n{{params.x}}\nEOF',
  'cat {{params.x}} <<EOF\nEOF',
  'cat <<< {{params.x}}',
  'show # {{params.x}}',
  'show <({{params.x}})',
  'show {a,{{params.x}}}',
  'show *{{params.x}}',
  'show >&{{params.x}}',
  'show a &> out {{params.x}}',
  '$(echo ")"{{params.x}}"a")',
  '"$(case x in a) echo "{{params.x}} y" ;; esac)"',
  "$'it\\'s'{{params.x}}",
];

/** Each makes a file where something evaluates it. */
const HOSTILE = [
  '$(touch pwned)',
  '`touch pwned`',
  'a[$(touch pwned)]',
  'a[$(touch pwned)]=1',
  "'; touch pwned; '",
  '"; touch pwned; "',
  '\ntouch pwned\n',
  "'\ntouch pwned\n'",
  '; touch pwned #',
  ') ; touch pwned ; (',
  '}; touch pwned; {',
  '| touch pwned',
  'EOF\ntouch pwned\n',
  '-e',
  '-va[$(touch pwned)]',
  '${A:=$(touch pwned)}',
  '$((a[$(touch pwned)]))',
  '\\',
  "\\'; touch pwned; '",
  'x\\',
  '!!',
  '*',
  '~',
  '$',
  '',
  'a b',
  '$HOME',
  '#x',
  "it's",
];

const FUNCTION = `show() { printf '%s\\001' "$@"; }\n`;

function run(shell: string, script: string): { readonly folder: string; readonly seen: string } {
  const folder = mkdtempSync(join(tmpdir(), 'shell-'));
  const prepare = `printf '%s\\n' 'printf "%s\\001" "$@"' > show.sh\nset +e\n`;
  const seen = execFileSync(shell, ['-s'], {
    cwd: folder,
    input: prepare + script,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: 20_000,
    maxBuffer: 1 << 28,
  });
  return { folder, seen };
}

/** Every script in a subshell of its own, so that neither an exit nor a syntax error in one ends the others. */
function together(scripts: readonly string[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return scripts.map((script) => `( eval ${quoted(FUNCTION + script)} ) </dev/null\nprintf '\\002'\n`).join('');
}

describe('what is refused', () => {
  test.each(REFUSED)('%s', (frame) => {
    expect(accepts(frame)).toBe(false);
    expect(() => fill(frame, 'x')).toThrow(expect.objectContaining({ code: 'config/unsafe-shell' }));
  });
});

describe('what is accepted', () => {
  test.each(SAFE.map(([frame]) => frame))('%s', (frame) => expect(accepts(frame)).toBe(true));

  test.each([
    'python train.py --date "{{params.x}}" --out out/{{params.x}} > "log/{{params.x}}.txt" 2>&1',
    'python -m package.main {{params.x}} | tee log',
    'spark-submit --class a.B job.jar {{params.x}} && touch done',
    'cat in/{{params.x}} | sort | awk "{ print }" > out',
    'tar -czf out.tgz {{params.x}}; curl -sSfLo x {{params.x}}',
    'aws s3 cp {{params.x}} s3://lake/{{params.x}}/',
    'mkdir -p "out/{{params.x}}" && cd out/{{params.x}} || exit 1',
  ])('%s', (frame) => expect(accepts(frame)).toBe(true));

  test.each(SHELLS)('%s sees exactly the value, and evaluates none', (shell) => {
    const cases = SAFE.flatMap(([frame, before, after]) => HOSTILE.map((x) => ({ frame, before, after, x })));
    const { folder, seen } = run(shell, together(cases.map(({ frame, x }) => fill(frame, x))));
    const answers = seen.split('\u0002').slice(0, -1);
    expect(answers).toHaveLength(cases.length);
    for (const [index, { frame, before, after, x }] of cases.entries())
      expect([frame, answers[index]]).toEqual([frame, `${before}${x}${after}\u0001`]);
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
  });

  const nasty = fc.string({ unit: fc.constantFrom(...`'"\\$\`;|&(){}<>*?[]#~! \n\tab-=é`), maxLength: 12 });
  test.each(SHELLS)('%s takes no value apart, whatever is in it', (shell) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...SAFE), nasty), { minLength: 100, maxLength: 100 }), (cases) => {
        const { seen } = run(shell, together(cases.map(([[frame], x]) => fill(frame, x))));
        const expected = cases.map(([[, before, after], x]) => `${before}${x}${after}\u0001`);
        expect(seen.split('\u0002').slice(0, -1)).toEqual(expected);
      }),
      { numRuns: 4 },
    );
  });
});

/**
 * The scanner against the shells: of texts out of scraps that nobody would write, those that it accepts are run with
 * values that leave a file behind wherever a shell evaluates them.
 */
describe('texts out of scraps', () => {
  const SCRAPS = [
    ...[X, X, X, X, `"${X}"`, `'${X}'`, ' ', ' ', ' ', '\n', ';', '|', '&', '&&', '||', '(', ')', '{ ', ' }', '"', "'"],
    ...['`', '\\', '$', '$(', '${', '$((', '))', '((', '[[ ', ' ]]', '[ ', ' ]', '$[', ']', '#', '<', '>', '<<', '>&'],
    ...['<(', '2>', '&>', '\\\n', 'EOF', '\nEOF\n', 'A', 'A=', '$A', '"$A"', '${A}', 'a[', ']=1', '-v ', '-c ', '-e '],
    ...[
      'eval ',
      'let ',
      'echo ',
      'show ',
      'printf ',
      'test ',
      'sh ',
      'command ',
      'env ',
      'xargs ',
      'declare -i ',
      '-eq 1',
    ],
    ...[
      'if ',
      ' then ',
      ' fi',
      'case x in ',
      ' esac',
      'in ',
      'for A in ',
      '; do ',
      '; done',
      'f() ',
      'true',
      '!',
      ':',
      '%s ',
    ],
  ];
  const text = fc.array(fc.constantFrom(...SCRAPS), { minLength: 2, maxLength: 14 }).map((scraps) => scraps.join(''));

  test('whatever is accepted evaluates nothing', () => {
    const accepted = fc
      .sample(text, { numRuns: 60_000, seed: 7 })
      .filter((frame) => frame.includes(X) && accepts(frame));
    const some = [...new Set(accepted)].slice(0, 350);
    expect(some.length).toBe(350);
    const values = HOSTILE.filter((x) => x.includes('touch'));
    const scripts = some.flatMap((frame, index) =>
      [0, 1, 2].map((step) => fill(frame, values[(3 * index + step) % values.length]!)),
    );
    for (const shell of ['dash', 'bash'].filter((name) => SHELLS.includes(name))) {
      const { folder, seen } = run(shell, together(scripts));
      expect(seen.split('\u0002')).toHaveLength(scripts.length + 1);
      if (!existsSync(join(folder, 'pwned'))) continue;
      // Only now, for the message: which one was it?
      const guilty = scripts.filter((script) => existsSync(join(run(shell, together([script])).folder, 'pwned')));
      expect(guilty).toEqual([]);
    }
  });
});

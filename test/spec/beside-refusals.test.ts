import { describe, expect, test } from 'vitest';
import { EMPTY_CONFIG } from '../../src/core/config.js';
import { loadWorkflowText } from '../../src/spec/load.js';
import { loadConfigText } from '../../src/spec/load-config.js';

/** What the golden file cannot show: what stays accepted beside a refusal, configs, and bytes that editors hide. */
function load(text: string, config = EMPTY_CONFIG) {
  return loadWorkflowText({ text, file: '/flow/wf.yaml', config });
}
const said = (loaded: ReturnType<typeof load>) =>
  loaded.ok ? 'ok' : loaded.issues.map(({ code, line, col }) => `${line}:${col} ${code}`).join('; ');

describe('the first line', () => {
  test('is where it is seen to be, with or without a byte order mark', () => {
    const text = 'name: w, nme: x\nsteps: []';
    expect(said(load(`\uFEFF${text}`))).toBe(said(load(text)));
    expect(said(load('\uFEFF{ nme: w, steps: [{ name: a, run: x }] }'))).toContain('1:3 config/unknown-field');
  });

  test('may say YAML 1.2 and nothing else', () => {
    const body = '---\nname: w\nsteps: [{ name: a, run: x }]';
    expect(said(load(`%YAML 1.2\n${body}`))).toBe('ok');
    expect(said(load(`# one\n%YAML 1.1\n${body}`))).toBe('2:1 config/yaml-syntax');
    expect(said(load(`%YAML 1.1 # %YAML 1.2\n${body}`))).toBe('1:1 config/yaml-syntax');
  });
});

describe('places', () => {
  const steps = (path: string) =>
    `name: w\nsteps: [{ name: a, run: x, outputs: [{ path: pvc://c/x/, atomic: true }] }, { name: b, run: x, outputs: [{ path: ${path}, atomic: true }] }]`;
  const mounted = { ...EMPTY_CONFIG, stores: { 'pvc://c': { kind: 'mount' as const, mount: '/mnt/c' } } };

  test('a volume is where the config mounts it; unmounted it is a place of its own', () => {
    expect(said(load(steps('/mnt/c/x/y'), mounted))).toContain('config/overlap');
    expect(said(load(steps('../mnt/c/x/y'), mounted))).toContain('config/overlap');
    expect(said(load(steps('/mnt/c/xy'), mounted))).toBe('ok');
    expect(said(load(steps('/mnt/c/x/y')))).toBe('ok');
  });

  test('beside the cache is fine; in many items at the cache is not', () => {
    const at = (path: string, cache: string) =>
      said(
        load(
          `name: w\ncache: ${cache}\nsteps: [{ name: a, run: x, forEach: { n: { from: 1, to: 5000000 } }, outputs: [{ path: "${path}", atomic: true }] }]`,
        ),
      );
    expect(at('s3://lake/out/{{each.n}}', 's3://lake/_stepaside')).toBe('ok');
    expect(at('s3://lake/{{each.n}}/x', 's3a://lake/1234567')).toContain('config/overlap');
    expect(at('s3://lake/{{each.n}}/x', 's3://lake/6234567')).toBe('ok');
  });
});

test('several outputs may share a marker of which they say the same', () => {
  const outputs = ['a', 'b'].map((x) => `{ name: ${x}, path: s3://lake/${x}/, marker: s3://lake/m/done, content: ok }`);
  expect(said(load(`name: w\nsteps: [{ name: a, run: x, outputs: [${outputs.join(', ')}] }]`))).toBe('ok');
});

test('in a config stores are named as places are, and taken literally', () => {
  const file = '/etc/stepaside.config.yaml';
  const good = loadConfigText({ file, text: 'stores: { s3a://lake: { region: eu }, pvc://c/: { mount: /c } }' });
  expect(good).toMatchObject({ ok: true, config: { stores: { 's3://lake': {}, 'pvc://c': {} } } });
  const bad = loadConfigText({
    file,
    text: 'stores: { s3://lake: { profile: "{{params.p}}" } }\nworkspaces: { dev: { cache: "s3://lake/{{params.p}}" } }',
  });
  expect(bad.ok ? [] : bad.issues.map(({ code, line }) => `${line} ${code}`)).toEqual([
    '1 config/placeholder-not-allowed',
    '2 config/placeholder-not-allowed',
  ]);
});

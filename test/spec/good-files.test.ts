import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EMPTY_CONFIG } from '../../src/core/config.js';
import { type Loaded, loadWorkflow, loadWorkflowText, loadWorkflowValue } from '../../src/spec/load.js';
import { loadConfig, loadConfigText } from '../../src/spec/load-config.js';

const FULL = readFileSync(new URL('./full.yaml', import.meta.url), 'utf8');

function load(text: string, params: Record<string, string> = {}): Extract<Loaded, { ok: true }> {
  const loaded = loadWorkflowText({ text, file: '/flow/wf.yaml', params, config: EMPTY_CONFIG });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues, null, 1));
  return loaded;
}

describe('the full example', () => {
  const { workflow, warnings } = load(FULL, { token: 't0ken' });

  test('is accepted without a warning, defaults filled in', () => {
    expect(warnings).toEqual([]);
    expect(workflow).toMatchObject({
      name: 'daily-sales',
      folder: '/flow',
      cache: 's3://lake/_stepaside',
      params: { date: { value: '2024-01-01', secret: false }, token: { value: 't0ken', secret: true } },
    });
    expect(workflow.steps.map(({ name, policy }) => `${name} ${policy}`)).toEqual([
      'extract parts',
      'clean spark',
      'train parts',
      'report parts',
    ]);
    expect(workflow.steps[1]!.outputs).toEqual([
      {
        name: 'table',
        path: 's3://lake/clean/dt={{params.date}}/',
        keep: 'place',
        marker: '_SUCCESS',
        markerBy: 'producer',
        atomic: false,
        hash: 'auto',
      },
    ]);
    expect(workflow.steps[2]!.memoize).toEqual({ maxAgeMs: 30 * 86_400_000, seed: 'v2', waitMs: 600_000, attempts: 3 });
    expect(workflow.steps[3]!.forEach['date']).toEqual({
      kind: 'dates',
      from: '2024-01-01',
      to: '2024-01-31',
      everyMs: 86_400_000,
    });
  });

  test('says what it needs when it is called without the secret', () => {
    const loaded = loadWorkflowText({ text: FULL, file: 'wf.yaml', config: EMPTY_CONFIG });
    expect(loaded.ok ? [] : loaded.issues.map(({ code, line, path }) => `${code} ${line} ${path}`)).toEqual([
      'config/missing-param 7 params.token',
    ]);
  });
});

describe('values from outside', () => {
  const text = 'name: w\nparams: { n: 1, b: true, s: "1" }\nsteps: [{ name: a, run: x }]';

  test('take the type of the default where they are written like it', () => {
    expect(load(text, { n: '5', b: 'false', s: '5' }).workflow.params).toMatchObject({
      n: { value: 5 },
      b: { value: false },
      s: { value: '5' },
    });
    expect(load(text, { n: '05', b: 'no' }).workflow.params).toMatchObject({ n: { value: '05' }, b: { value: 'no' } });
  });

  test('unknown ones are refused with a guess; a value is never shown', () => {
    const loaded = loadWorkflowText({ text, file: 'wf.yaml', params: { nn: 'canary' }, config: EMPTY_CONFIG });
    expect(loaded.ok || loaded.issues).toMatchObject([
      { code: 'config/unknown-param', hint: 'did you mean "n"?', line: 2 },
    ]);
    expect(JSON.stringify(loaded)).not.toContain('canary');
  });
});

describe('what else is accepted', () => {
  test('aliases, every kind of condition, every field', () => {
    const { workflow, warnings } = load(`
name: w
params: { from: "2024-01-01", region: { default: eu } }
policies: { nightly: { extends: parts, whenUnknown: refuse }, later: { extends: nightly, outdatedMarker: ignore } }
stores: { s3://lake: { region: us-east-1, ca: lab.pem }, pvc://t: { mount: mnt } }
defaults: { policy: later, memoize: &m { maxStaleness: 3d, wait: 0 }, retries: 2, timeout: 1h }
steps:
  - name: a
    when: { all: [ { any: [ { pathExists: [ s3://lake/x ] } ] }, { not: { pathNotExists: [ { path: s3://lake/t/, marker: _SUCCESS } ] } } ] }
    run: docker ps --format '{{.Names}}'
    memoize: { maxAge: P3D, attempts: 1 }
    whenUnknown: refuse
    memo: [region]
  - name: b
    needs: [a, { step: c, order: true }]
    script: { interpreter: [python3, -u], source: "print(f'{{x}}')" }
    outputs:
      - { path: out/, match: stepaside, min: 2, minBytes: 10, mode: merge, hash: always, keep: artifact }
      - { probe: [psql, -c, "select 1"] }
      - { path: s3://lake/one.csv, marker: s3://lake/one.csv.done, match: key }
    memoize: *m
    validate: test -s out/x
  - name: c
    forEach: { d: { from: "{{params.from}}", to: "2024-01-07" }, r: [eu, us], h: { from: 1, to: 9, every: 4 } }
    run: x
    outputs: [{ path: "c/{{each.d}}/{{each.r}}-x/{{each.h}}.csv" }]
    inputs: { params: { except: [region] }, values: { any: [null, { thing: 1.5 }] } }
`);
    expect(warnings).toEqual([]);
    expect(workflow.policies['later']).toMatchObject({
      withRecord: 'parts',
      whenUnknown: 'refuse',
      outdatedMarker: 'ignore',
    });
    expect(workflow.stores).toEqual({
      's3://lake': { kind: 's3', region: 'us-east-1', ca: '/flow/lab.pem' },
      'pvc://t': { kind: 'mount', mount: '/flow/mnt' },
    });
    const [a, b, c] = workflow.steps;
    expect(a!.memoize).toEqual({ maxAgeMs: 259_200_000, waitMs: 0, attempts: 1 });
    expect(b!.memoize).toEqual({ maxStalenessMs: 259_200_000, waitMs: 0, attempts: 3 });
    expect(b!.outputs.map(({ name, marker, markerBy }) => [name, marker, markerBy])).toEqual([
      ['output-1', '_stepaside.json', 'stepaside'],
      ['output-2', undefined, 'producer'],
      ['output-3', 's3://lake/one.csv.done', 'stepaside'],
    ]);
    expect(c!.forEach['d']).toMatchObject({ kind: 'dates', from: '2024-01-01' });
  });

  test('the same from a value', () => {
    const value = { name: 'w', steps: [{ name: 'a', run: ['x'] }] };
    expect(loadWorkflowValue({ value, file: '/flow/w', config: EMPTY_CONFIG }).ok).toBe(true);
    const loop: Record<string, unknown> = { name: 'w', steps: [] };
    loop['x'] = loop;
    expect(loadWorkflowValue({ value: loop, file: '/flow/w', config: EMPTY_CONFIG })).toMatchObject({
      issues: [{ code: 'config/too-large' }],
    });
  });
});

describe('the config file', () => {
  test('is found upward; its paths are its own', () => {
    const root = mkdtempSync(join(tmpdir(), 'spec-'));
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(
      join(root, 'stepaside.config.yaml'),
      `
stores:
  s3://lake:         { endpoint: "http://127.0.0.1:9000", region: us-east-1, profile: lab, pathStyle: true, ca: lab.pem }
  pvc://training:    { mount: /mnt/training }
workspaces: { dev: { cache: "s3://lake/_stepaside/dev", parent: prod } }
limits: { maxAge: 30d, defaultMaxAge: 7d }
retention: { keepLast: 3, keepFor: 90d, steps: { train: { keepLast: 10 } } }
trust: { publicKeys: [team.pub], require: false }
policies:
  nightly: { extends: parts, whenUnknown: refuse, outdatedMarker: ignore }
`,
    );
    writeFileSync(join(root, 'a/b/wf.yaml'), 'name: w\nsteps: [{ name: a, run: x, policy: nightly }]');
    const loaded = loadWorkflow({ file: join(root, 'a/b/wf.yaml') });
    expect(loaded).toMatchObject({
      ok: true,
      config: {
        stores: {
          's3://lake': { kind: 's3', ca: join(root, 'lab.pem') },
          'pvc://training': { mount: '/mnt/training' },
        },
        limits: { maxAgeMs: 30 * 86_400_000, defaultMaxAgeMs: 7 * 86_400_000 },
        retention: { keepLast: 3, keepForMs: 90 * 86_400_000, steps: { train: { keepLast: 10 } } },
        trust: { publicKeys: [join(root, 'team.pub')], require: false },
        workspaces: { dev: { parent: 'prod' } },
        policies: { nightly: { whenUnknown: 'refuse', withRecord: 'parts' } },
      },
    });
    expect(loadConfig({ folder: '/' })).toMatchObject({ ok: true, config: EMPTY_CONFIG });
  });

  test('says what is wrong with it', () => {
    const loaded = loadConfigText({
      file: '/etc/stepaside.config.yaml',
      text: `
storse: {}
limits: { maxAge: 1d, defaultMaxAge: 2d }
workspaces: { a: { cache: x, parent: b }, b: { cache: y, parent: a } }
retention: { keepLast: 0 }
trust: { require: maybe }
policies: { p: { extends: q } }
`,
    });
    expect(loaded.ok ? [] : loaded.issues.map(({ code, line, col }) => `${line}:${col} ${code}`)).toEqual([
      '2:1 config/unknown-field',
      '3:38 config/conflict',
      '4:38 config/workspace-cycle',
      '4:66 config/workspace-cycle',
      '5:24 config/bad-value',
      '6:19 config/wrong-type',
      '7:27 config/unknown-policy',
    ]);
  });

  test('an empty one says nothing', () => {
    expect(loadConfigText({ text: '# later\n', file: '/x/stepaside.config.yaml' })).toMatchObject({ ok: true });
  });
});

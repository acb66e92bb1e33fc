import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';

const yaml = (steps: string, head = '') =>
  `apiVersion: stepaside/v1\nkind: Workflow\nname: flow\n${head}steps:\n${steps}`;
interface Told {
  readonly step: string;
  readonly state: string;
  readonly key?: string;
  readonly on?: string[];
  readonly why?: string;
  readonly components: { name: string; value: unknown }[];
}
async function keys(
  cwd: string,
  words: string[] = [],
  env: Record<string, string> = {},
): Promise<{ code: number; steps: Told[] }> {
  const ran = await stepaside(['key', '--json', ...words], { cwd, env });
  expect(ran.stderr).toBe('');
  return { code: ran.code, steps: ran.json()['steps'] as Told[] };
}
const only = async (cwd: string, words: string[] = [], env: Record<string, string> = {}) =>
  (await keys(cwd, words, env)).steps[0]!;

const STEP = `  - name: train
    run: python train.py --date "{{params.date}}"
    env: { TZ: UTC }
    inputs: { files: ["*.py", "!skip.py"], values: { rate: 0.1 } }
    outputs: [ { name: model, path: "model-{{params.date}}/", marker: _SUCCESS } ]
`;
const HEAD = 'params: { date: "2024-01-01", unused: 1 }\n';

describe('stepaside key', () => {
  it('is made of what the step names, as written, and of nothing else', async () => {
    const cwd = folderWith({ 'stepaside.yaml': yaml(STEP, HEAD), 'train.py': 'print(1)', 'skip.py': 'x' });
    const first = await only(cwd);
    expect(first.state).toBe('known');
    expect(first.key).toMatch(/^blake3-[0-9a-f]{64}$/);
    expect(first.components.map(({ name }) => name)).toEqual([
      'format',
      'scope',
      'command',
      'paths',
      'env.TZ',
      'values.rate',
      'files.train.py',
      'params.date',
    ]);
    expect((await only(cwd, ['--param', 'unused=2'])).key).toBe(first.key);
    expect((await only(cwd, ['--param', 'date=2024-01-02'])).key).not.toBe(first.key);
    writeFileSync(join(cwd, 'skip.py'), 'changed');
    expect((await only(cwd)).key).toBe(first.key);
    writeFileSync(join(cwd, 'train.py'), 'print(2)');
    expect((await only(cwd)).key).not.toBe(first.key);
  });

  it('is the same by native and by portable BLAKE3', async () => {
    const cwd = folderWith({ 'stepaside.yaml': yaml(STEP, HEAD), 'train.py': 'print(1)' });
    expect((await only(cwd, [], { STEPASIDE_BLAKE3: 'portable' })).key).toBe(
      (await only(cwd, [], { STEPASIDE_BLAKE3: 'native' })).key,
    );
  });

  it('takes input places by content: equal contents, equal key, whatever their times', async () => {
    const step = '  - name: s\n    run: "true"\n    inputs: { paths: [in/] }\n';
    const cwd = folderWith({ 'stepaside.yaml': yaml(step), 'in/a': '1', 'in/_SUCCESS': '' });
    const first = await only(cwd);
    rmSync(join(cwd, 'in/a'));
    writeFileSync(join(cwd, 'in/a'), '1');
    writeFileSync(join(cwd, 'in/_SUCCESS'), 'a later run');
    expect((await only(cwd)).key).toBe(first.key);
    writeFileSync(join(cwd, 'in/a'), '2');
    expect((await only(cwd)).key).not.toBe(first.key);
  });

  it('is pending where another step makes what this one reads', async () => {
    const steps = `  - { name: a, run: "true", outputs: [ { name: o, path: out/a/ , atomic: true } ] }
  - { name: b, run: "true", needs: [a] }
  - { name: c, run: "true", inputs: { paths: [out/a/x] } }
  - { name: d, run: "true", inputs: { files: ["out/a/*.csv"] } }
  - { name: e, run: "true", needs: [ { step: a, order: true } ] }
  - { name: f, run: "true", inputs: { paths: [out/] } }
`;
    const { code, steps: told } = await keys(folderWith({ 'stepaside.yaml': yaml(steps) }));
    expect(told.map(({ step, state, on }) => [step, state, on?.join()])).toEqual([
      ['a', 'known', undefined],
      ['b', 'pending', 'a'],
      ['c', 'pending', 'a'],
      ['d', 'pending', 'a'],
      ['e', 'known', undefined],
      ['f', 'pending', 'a'],
    ]);
    expect(code).toBe(0);
  });

  it.each([
    ['files: ["*.csv"]', 'b'],
    ['files: ["data-*.csv"]', 'b'],
    ['files: ["**/part"]', 'a'],
    ['files: ["ou*/part"]', 'a'],
    ['files: ["{out,xx}/part"]', 'a'],
    ['files: ["./out/part"]', 'a'],
    ['files: ["*/x.csv"]', 'a'],
    ['files: ["../*/out/part"]', 'a,b'],
    ['paths: ["./out/"]', 'a'],
    ['paths: ["HERE/out/x"]', 'a'],
    ['paths: ["s3://lake/dt=2024-01-01/x"]', 'c'],
    ['paths: ["s3://lake/other"]', 'c'],
    ['files: ["*.py"]', ''],
    ['paths: ["s3://pond/x"]', ''],
  ])('%s reads what %j make', async (input, makers) => {
    const steps = (here: string) => `  - { name: a, run: "true", outputs: [ { name: o, path: out/ , atomic: true } ] }
  - { name: b, run: "true", outputs: [ { name: o, path: data-1.csv , atomic: true } ] }
  - { name: c, run: "true", forEach: { d: [x] }, outputs: [ { name: o, path: "s3://lake/dt={{each.d}}" } ] }
  - { name: r, run: "true", inputs: { ${input.replace('HERE', here)} } }
`;
    const cwd = folderWith({ 'out/part': 'stale', 'data-1.csv': 'stale', 'a.py': 'x' });
    writeFileSync(join(cwd, 'stepaside.yaml'), yaml(steps(cwd)));
    const env = { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
    const told = (await keys(cwd, ['r'], makers === '' && input.includes('s3:') ? env : {})).steps[0]!;
    expect((told.on ?? []).join()).toBe(makers);
  });

  it('a marker alone is no input', async () => {
    const cwd = folderWith({
      'stepaside.yaml': yaml('  - { name: s, run: "true", inputs: { paths: [in/] } }\n'),
      'in/_SUCCESS': '',
    });
    expect((await only(cwd)).state).toBe('input-missing');
  });

  it('names an input that matches nothing, and ends with 3', async () => {
    const steps =
      '  - { name: a, run: "true", inputs: { files: ["*.py"] } }\n  - { name: b, run: "true", inputs: { paths: [gone/] } }\n';
    const { code, steps: told } = await keys(folderWith({ 'stepaside.yaml': yaml(steps) }));
    expect(told.map(({ state }) => state)).toEqual(['input-missing', 'input-missing']);
    expect(code).toBe(3);
  });

  it("is the author's own, with scope, seed and item, where he gives one", async () => {
    const step = `  - name: s
    forEach: { day: [mon, tue] }
    run: echo changed freely
    memoize: { key: "v{{params.v}}", seed: s1 }
    outputs: [ { path: "out/{{each.day}}", atomic: true } ]
`;
    const cwd = folderWith({ 'stepaside.yaml': yaml(step, 'params: { v: 1 }\n') });
    const { steps } = await keys(cwd);
    expect(steps.map(({ step: name }) => name)).toEqual(['s[mon]', 's[tue]']);
    expect(steps[0]!.components.map(({ name, value }) => [name, value])).toEqual([
      ['format', 1],
      ['scope', 'flow/s'],
      ['seed', 's1'],
      ['each.day', 'mon'],
      ['key', 'v1'],
    ]);
    expect(steps[0]!.key).not.toBe(steps[1]!.key);
    writeFileSync(join(cwd, 'stepaside.yaml'), yaml(step.replace('changed freely', 'otherwise'), 'params: { v: 1 }\n'));
    expect((await only(cwd, ['s[mon]'])).key).toBe(steps[0]!.key);
  });

  it('never tells a secret: without STEPASIDE_SECRET the step is not cached, with it an HMAC enters', async () => {
    const step = '  - { name: s, run: "curl -H {{params.token}}" }\n';
    const canary = 'canary-5f1c';
    const cwd = folderWith({ 'stepaside.yaml': yaml(step, 'params: { token: { secret: true } }\n') });
    const words = ['--param', `token=${canary}`];
    const without = await stepaside(['key', ...words], { cwd });
    expect(without.stdout).toMatch(/not cached.*STEPASIDE_SECRET/);
    const told = await stepaside(['key', '--json', ...words], { cwd, env: { STEPASIDE_SECRET: 'k1' } });
    const other = await stepaside(['key', '--json', ...words], { cwd, env: { STEPASIDE_SECRET: 'k2' } });
    for (const { stdout, stderr } of [without, told, other]) expect(stdout + stderr).not.toContain(canary);
    expect(told.stdout).toContain('hmac-sha256-');
    expect((told.json()['steps'] as Told[])[0]!.key).not.toBe((other.json()['steps'] as Told[])[0]!.key);
  });

  it('suggests the step that was meant', async () => {
    const ran = await stepaside(['key', 'trian'], {
      cwd: folderWith({ 'stepaside.yaml': yaml(STEP, HEAD), 'train.py': '' }),
    });
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('did you mean train?')]);
  });
});

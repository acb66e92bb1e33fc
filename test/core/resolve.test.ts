import { describe, expect, test } from 'vitest';
import { EMPTY_CONFIG } from '../../src/core/config.js';
import { references, resolveStep } from '../../src/core/resolve.js';
import { loadWorkflowText } from '../../src/spec/load.js';

const loaded = loadWorkflowText({
  file: '/flow/stepaside.yaml',
  config: EMPTY_CONFIG,
  text: `
name: w
params: { date: "2024-01-01", n: 7, token: { secret: true, default: s3cr3t } }
steps:
  - { name: clean, run: x, forEach: { r: [eu, us] } }
  - name: report
    forEach: { r: [eu, us] }
    needs: ["clean[{{each.r}}]"]
    when: [ { pathNotExists: [ "s3://lake/{{each.r}}/", { glob: "s3://lake/{{params.date}}/*", min: 1 } ] } ]
    run: build "{{each.r}}" --n {{params.n}}
    env: { TOKEN: "{{params.token}}" }
    image: "i:{{params.n}}"
    inputs:
      files: ["conf/{{each.r}}/*.yaml"]
      paths: ["s3://lake/in/{{params.date}}/"]
      values: { deep: [{ d: "{{params.date}}", n: 1 }] }
    outputs: [{ path: "out/{{each.r}}/", marker: "{{params.n}}.done", content: "{{each.r}}" }]
    validate: [check, "{{each.r}}"]
    memoize: { key: "k-{{params.date}}" }
`,
});

describe('an instance', () => {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  const { workflow } = loaded;
  const step = workflow.steps[1]!;

  test('has its values in place, and what was written beside them', () => {
    const instance = resolveStep(workflow, step, { r: "e'u" });
    expect(instance.name).toBe("report[e'u]");
    expect(instance.step.run).toBe('build "{{each.r}}" --n {{params.n}}');
    expect(instance.resolved).toMatchObject({
      needs: [{ step: 'clean', item: "e'u", order: false }],
      when: { all: [{ pathNotExists: [{ path: "s3://lake/e'u/" }, { glob: 's3://lake/2024-01-01/*', min: 1 }] }] },
      run: `build "e'u" --n '7'`,
      env: { TOKEN: 's3cr3t' },
      image: 'i:7',
      inputs: {
        files: ["conf/e'u/*.yaml"],
        paths: ['s3://lake/in/2024-01-01/'],
        values: { deep: [{ d: '2024-01-01', n: 1 }] },
      },
      outputs: [{ path: "out/e'u/", marker: '7.done', content: "e'u", name: 'output' }],
      validate: ['check', "e'u"],
      key: 'k-2024-01-01',
    });
  });

  test('references are told by field group', () => {
    expect(references(step)).toEqual({
      when: ['date'],
      command: ['n'],
      env: ['token'],
      image: ['n'],
      inputs: ['date'],
      outputs: ['n'],
      key: ['date'],
    });
  });
});

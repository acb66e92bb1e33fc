import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configJsonSchema, workflowJsonSchema } from '../../src/spec/json-schema.js';
import { configSchema, workflowSchema } from '../../src/spec/schema.js';

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
const forEditors = ajv.compile(workflowJsonSchema());
const configForEditors = ajv.compile(configJsonSchema());

const step = (fields: object) => ({ name: 'w', steps: [{ name: 'a', run: 'x', ...fields }] });
const output = (fields: object) => step({ outputs: [{ path: 'x', ...fields }] });

const GOOD: Record<string, unknown> = {
  'the full example': parse(readFileSync(new URL('./full.yaml', import.meta.url), 'utf8')),
  argv: step({ run: ['a', 'b'] }),
  'when as a list': step({
    when: [{ pathExists: ['x'] }, { not: { any: [{ pathNotExists: [{ glob: 'x', min: 1 }] }] } }],
  }),
  'needs of both kinds': step({ needs: ['b', { step: 'c', order: true }] }),
  durations: step({ timeout: '1h30m', memoize: { maxAge: 0, wait: 'PT12H' } }),
  'inputs of all kinds': step({
    inputs: { params: { except: ['a'] }, files: ['*'], paths: ['x'], values: { a: [null] } },
  }),
  'ranges and lists': step({
    forEach: { a: [1, 'b', true], d: { from: '2024-01-01', to: 5, every: '1d' }, n: { from: 1, to: 5, every: 2 } },
  }),
  memo: step({ memo: ['a'] }),
  stores: { ...step({}), stores: { 's3://lake': { pathStyle: true }, 'pvc://t': { mount: '/x' } } },
  policies: { ...step({}), policies: { n: { extends: 'parts', withRecord: 'never' } } },
};
const BAD: Record<string, unknown> = {
  'not a map': [],
  nothing: null,
  'no name': { steps: [{ name: 'a' }] },
  'no steps': { name: 'w' },
  'empty steps': { name: 'w', steps: [] },
  'an unknown field': { ...step({}), nope: 1 },
  'an unknown field of a step': step({ nope: 1 }),
  'an unknown field of an output': output({ nope: 1 }),
  'a name with a slash': step({ name: 'a/b' }),
  'a name of two dots': step({ name: '..' }),
  'a number for a name': step({ name: 5 }),
  'empty run': step({ run: '' }),
  'empty argv': step({ run: [] }),
  'a months duration': step({ timeout: '1mo' }),
  'a bare number of time': step({ timeout: 10 }),
  'an empty duration': step({ timeout: '' }),
  'an empty condition list': step({ when: { pathExists: [] } }),
  'an empty when': step({ when: [] }),
  'an empty condition': step({ when: {} }),
  'a condition of two': step({ when: { pathExists: ['x'], pathNotExists: ['y'] } }),
  'a glob without min': step({ when: { pathExists: [{ glob: 'x' }] } }),
  'a glob of min 0': step({ when: { pathExists: [{ glob: 'x', min: 0 }] } }),
  'a bad keep': output({ keep: 'forever' }),
  'a bad mode': output({ mode: 'append' }),
  'a fraction of a count': output({ min: 1.5 }),
  'text for a boolean': output({ atomic: 'yes' }),
  'attempts 0': step({ memoize: { attempts: 0 } }),
  'negative retries': step({ retries: -1 }),
  'a forEach of nothing': step({ forEach: { a: [] } }),
  'a range without end': step({ forEach: { a: { from: 1 } } }),
  'every 0.5': step({ forEach: { a: { from: 1, to: 2, every: 0.5 } } }),
  'a param with a dot': { ...step({}), params: { 'a.b': 1 } },
  'a param of nothing': { ...step({}), params: { a: null } },
  'an env name with a dash': step({ env: { 'A-B': 'x' } }),
  'a version that is none': { ...step({}), apiVersion: 'stepaside/v2' },
  'a store of another kind': { ...step({}), stores: { 'gs://x': {} } },
  'a policy that extends nothing': { ...step({}), policies: { a: {} } },
};

describe('the schema for editors judges shapes as the loader does', () => {
  test.each(Object.entries(GOOD))('accepted: %s', (_, value) => {
    expect(workflowSchema.safeParse(value).error?.issues).toBeUndefined();
    expect(forEditors(value), JSON.stringify(forEditors.errors)).toBe(true);
  });
  test.each(Object.entries(BAD))('refused: %s', (_, value) => {
    expect(workflowSchema.safeParse(value).success).toBe(false);
    expect(forEditors(value)).toBe(false);
  });
  test.each([
    [{}, true],
    [{ retention: { keepLast: 3, steps: { a: { keepFor: '3d' } } } }, true],
    [{ retention: { keepLast: 0 } }, false],
    [{ workspaces: { dev: {} } }, false],
    [{ trust: { publicKeys: 'x' } }, false],
    [{ cache: 'x' }, false],
  ])('config %j: %s', (value, good) => {
    expect(configSchema.safeParse(value).success).toBe(good);
    expect(configForEditors(value)).toBe(good);
  });
});

test('every field has a description', () => {
  const missing: string[] = [];
  const seen = new Set<unknown>();
  const walk = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null || seen.has(schema)) return;
    seen.add(schema);
    for (const [name, child] of Object.entries(schema as Record<string, unknown>)) {
      if (name === 'properties')
        for (const [field, of] of Object.entries(child as Record<string, { description?: string; $ref?: string }>))
          if (of.description === undefined && of.$ref === undefined) missing.push(`${path}.${field}`);
      walk(child, `${path}/${name}`);
    }
  };
  walk(workflowJsonSchema(), 'workflow');
  walk(configJsonSchema(), 'config');
  expect(missing).toEqual([]);
});

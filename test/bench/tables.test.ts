import { copyFileSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { folderWith } from '../rig/cli.js';

interface Table {
  readonly name: string;
  holds(id: string): boolean;
}

const here = import.meta.dirname;
const load = async (name: string) => (await import(/* @vite-ignore */ resolve(here, name))) as Record<string, unknown>;
let goals: { readonly chosen: (text?: string) => (id: string) => boolean; readonly OPERATIONS: object } & {
  readonly tablesWithin: (wanted: (id: string) => boolean, where?: string) => readonly Table[];
};
let writeTables: (path: string, result: object, tables: readonly Table[]) => void;

beforeAll(async () => {
  goals = (await load('goals.mjs')) as typeof goals;
  ({ writeTables } = (await load('write-table.mjs')) as { writeTables: typeof writeTables });
});

const within = (text?: string) => goals.tablesWithin(goals.chosen(text));

it('writes a table only where all of it was measured', () => {
  const names = (text?: string) => within(text).map(({ name }) => name);
  expect(names()).toEqual(['looking', 'artifacts']);
  expect(names('P1-P6,P19')).toEqual(['looking']);
  expect(names('P7-P18')).toEqual(['artifacts']);
  expect(names('P1-P6')).toEqual([]);
  expect(goals.tablesWithin(goals.chosen('P8-P12'), 'memory').map(({ name }) => name)).toEqual(['artifacts in memory']);
  const tables = within();
  for (const id of Object.keys(goals.OPERATIONS)) expect(tables.filter(({ holds }) => holds(id))).toHaveLength(1);
});

it('puts each table between its own marks in DESIGN.md, and leaves the rest as it is', () => {
  const path = join(folderWith(), 'DESIGN.md');
  copyFileSync(resolve(here, '../../DESIGN.md'), path);
  const before = readFileSync(path, 'utf8');
  const operation = (id: string, met: boolean) => ({
    ...{ id, what: `${id} in words` },
    contestants: [{ name: 'stepaside', shown: true, version: '0', medianMs: 1, samplesMs: [1], ourRatio: null }],
    goals: [{ against: 'nobody', limit: 1, ratio: met ? 0.5 : 2, met }],
  });
  const result = {
    ...{ at: '2026-01-02T03:04:05.000Z', steps: 1, scale: 1, samples: { P1: 1, P3: 1 } },
    machine: { cpu: 'a', cores: 1, os: 'b', kernel: 'c', node: 'd', fs: { type: 'e', folder: 'f' } },
    operations: [operation('P1', true), operation('P9 content', false)],
  };
  writeTables(path, result, within('P7-P18'));
  const written = readFileSync(path, 'utf8');
  const [own, other] = ['artifacts', 'looking'].map(
    (name) => new RegExp(`<!-- bench: ${name}[^]*?of bench: ${name} -->`),
  );
  expect(own!.exec(written)![0]).toContain('2026-01-02: a, 1 cores');
  expect(own!.exec(written)![0]).toContain('P9 content in words');
  expect(own!.exec(written)![0]).not.toContain('P1 in words');
  expect(own!.exec(written)![0]).toContain('0 of 1 goals met');
  expect(other!.exec(written)![0]).toBe(other!.exec(before)![0]);
  expect(written.replace(own!, '')).toBe(before.replace(own!, ''));
});

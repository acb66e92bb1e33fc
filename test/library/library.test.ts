import { execFile } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/index.js';
import { type StepOptions, stepaside } from '../../src/index.js';
import { folderWith } from '../rig/cli.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

describe('examples/07-library', () => {
  it('counts each letter once, and again when the words change', async () => {
    const cwd = folderWith();
    cpSync(join(root, 'examples/07-library'), cwd, { recursive: true });
    mkdirSync(join(cwd, 'node_modules'));
    symlinkSync(root, join(cwd, 'node_modules/stepaside'));
    const count = () => run(process.execPath, ['count.mjs'], { cwd }).then(({ stdout }) => stdout);
    const runs = () => readFileSync(join(cwd, 'runs.log'), 'utf8');
    expect(await count()).toBe('e: 4\na: 3\n');
    expect(await count()).toBe('e: 4\na: 3\n');
    expect(runs()).toBe('counting e\ncounting a\n');
    appendFileSync(join(cwd, 'words.txt'), 'eee');
    expect(await count()).toBe('e: 7\na: 3\n');
    expect(runs()).toBe('counting e\ncounting a\ncounting e\ncounting a\n');
  });
});

describe('the library', () => {
  const inFolder = () => {
    const folder = folderWith();
    return { folder, flow: stepaside({ folder }) };
  };

  it('runs ten callers of the same work once', async () => {
    const { flow } = inFolder();
    let runs = 0;
    const work = flow.step({ name: 'work' }, async (n: number) => {
      runs += 1;
      return n * 2;
    });
    expect(await Promise.all(Array.from({ length: 10 }, () => work(21)))).toEqual(Array(10).fill(42));
    expect(runs).toBe(1);
    await flow.close();
  });

  it('keeps a value of any size: a large one beside the record, and one that is damaged there is made again', async () => {
    const { folder, flow } = inFolder();
    let runs = 0;
    const work = flow.step({ name: 'large' }, () => {
      runs += 1;
      return { text: 'x'.repeat(3_000_000), runs };
    });
    const sizes = (of: string) =>
      readdirSync(join(folder, '.stepaside'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.parentPath.includes(`/${of}/`))
        .map((entry) => ({
          path: join(entry.parentPath, entry.name),
          size: statSync(join(entry.parentPath, entry.name)).size,
        }));
    expect([await work(), await work()]).toEqual(Array(2).fill({ text: 'x'.repeat(3_000_000), runs: 1 }));
    for (const { size } of sizes('keys')) expect(size).toBeLessThan(16 * 1024);
    const [object, ...others] = sizes('objects');
    expect(others).toEqual([]);
    expect(object?.size).toBeGreaterThan(3_000_000);
    chmodSync(object!.path, 0o644);
    truncateSync(object!.path, 1_000_000);
    expect((await work())?.runs).toBe(2);
    await flow.close();
  });

  it('makes outputs again that are gone, and returns the new value', async () => {
    const { folder, flow } = inFolder();
    let runs = 0;
    const options: StepOptions = { name: 'file', outputs: [{ path: 'out.txt', atomic: true }] };
    const make = flow.step(options, () => {
      writeFileSync(join(folder, 'out.txt'), 'made');
      runs += 1;
      return runs;
    });
    expect([await make(), await make()]).toEqual([1, 1]);
    writeFileSync(join(folder, 'out.txt'), 'other');
    expect(await make()).toBe(2);
    await flow.close();
  });

  it('throws what the function throws, and tries again next time', async () => {
    const { flow } = inFolder();
    let runs = 0;
    const work = flow.step({ name: 'work' }, () => {
      runs += 1;
      if (runs === 1) throw new TypeError('not yet');
      return 'done';
    });
    await expect(work()).rejects.toThrow(TypeError);
    expect(await work()).toBe('done');
    await flow.close();
  });

  it('tells mistakes in a definition, and what happens as events', async () => {
    const { flow } = inFolder();
    await expect(flow.step({ name: 'x', policy: 'prats' }, () => 1)()).rejects.toThrow(/prats/);
    const events = flow.events();
    const told: Event['type'][] = [];
    const listening = (async () => {
      for await (const event of events) told.push(event.type);
    })();
    await flow.step({ name: 'x' }, () => 1)();
    await flow.close();
    await listening;
    expect(told).toEqual(['run-begun', 'step-decided', 'step-begun', 'step-ended', 'run-ended']);
  });

  it('runs a workflow file', async () => {
    const folder = folderWith({
      'stepaside.yaml': `apiVersion: stepaside/v1
kind: Workflow
name: w
steps:
  - { name: a, run: "echo x >> log; echo a > a.txt", outputs: [{ path: a.txt, atomic: true }] }
`,
    });
    const flow = stepaside({ folder });
    expect((await flow.run('stepaside.yaml')).summary).toMatchObject({ ran: 1, avoided: 0 });
    expect((await flow.run('stepaside.yaml')).summary).toMatchObject({ ran: 0, avoided: 1 });
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('x\n');
    await flow.close();
  });
});

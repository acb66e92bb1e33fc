import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith, stepaside } from './rig/cli.js';

const examples = resolve(import.meta.dirname, '../examples');

describe('examples/01-path-not-exists', () => {
  it('shows a day that is done and one that is not, as its README says', async () => {
    const cwd = folderWith();
    cpSync(join(examples, '01-path-not-exists'), cwd, { recursive: true });
    const done = await stepaside(['check', '-f', 'stepaside.yaml'], { cwd });
    expect([done.code, done.stdout.match(/present/g)?.length]).toEqual([0, 2]);
    const open = await stepaside(['check', '-f', 'stepaside.yaml', '--param', 'date=2024-01-02'], { cwd });
    expect([open.code, open.stdout.match(/absent/g)?.length]).toEqual([10, 2]);
    expect((await stepaside(['check', 'lake/clean/dt=2024-01-01/', '--marker', '_SUCCESS'], { cwd })).code).toBe(0);
    expect((await stepaside(['validate'], { cwd })).stdout).toContain('2 steps, no mistakes');
  });
});

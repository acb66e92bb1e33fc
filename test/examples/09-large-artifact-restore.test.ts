import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { example } from './example.js';

it('keeps 300 MB by content, and puts them back when they are gone or another model took their place', async () => {
  const { folder, run, read, stepaside } = example('09-large-artifact-restore');
  const model = join(folder, 'model');
  const digest = () =>
    [0, 1, 2].map((i) =>
      createHash('sha256')
        .update(readFileSync(join(model, `weights-${i}.bin`)))
        .digest('hex'),
    );
  expect(await run()).toEqual({ ran: 2, avoided: 0 });
  const first = digest();
  expect(statSync(join(model, 'weights-0.bin')).size).toBe(100_000_000);

  rmSync(model, { recursive: true });
  expect(await run(['--materialize'])).toEqual({ ran: 0, avoided: 2 });
  expect(digest()).toEqual(first);

  expect(await run(['--param', 'seed=2'])).toMatchObject({ ran: 2 });
  expect(digest()).not.toEqual(first);
  expect(await run()).toEqual({ ran: 0, avoided: 2 });
  expect(digest()).toEqual(first);
  expect(JSON.parse(read('model/config.json'))).toEqual({ seed: '1', shards: 3 });

  const { stdout } = await stepaside(['artifact', 'ls', '--json']);
  expect((JSON.parse(stdout) as { artifacts: unknown[] }).artifacts.length).toBeGreaterThan(2);
}, 240_000);

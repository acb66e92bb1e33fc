import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folderWith } from '../rig/cli.js';
import { example } from './example.js';

it('works hard on a hundred numbers once, and again on the one whose marker is gone', async () => {
  const { folder, run: start } = example('05-pvc-markers');
  const claim = folderWith({ 'work.log': '' });
  const markers = join(claim, 'markers');
  mkdirSync(markers);
  writeFileSync(join(folder, 'stepaside.config.yaml'), `stores:\n  pvc://work: { mount: ${JSON.stringify(claim)} }\n`);
  const run = () => start(['-p', `work=${claim}`]);
  const worked = () => readFileSync(join(claim, 'work.log'), 'utf8').trimEnd().split('\n');

  expect(await run()).toEqual({ ran: 100, avoided: 0 });
  expect(readdirSync(markers)).toHaveLength(100);
  expect(worked()).toHaveLength(100);

  expect(await run()).toEqual({ ran: 0, avoided: 100 });
  expect(worked()).toHaveLength(100);

  rmSync(join(markers, '42'));
  expect(await run()).toEqual({ ran: 1, avoided: 99 });
  expect(worked().slice(100)).toEqual(['working very hard on 42']);
});

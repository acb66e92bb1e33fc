import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { openPlaces } from '../../src/preset.js';
import { folderWith, stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket } from '../rig/sdk.js';

const s3 = inject('s3');
const bucket = `many-${randomBytes(4).toString('hex')}`;
const env = accountOf(s3);
const DAYS = 400;
const dayOf = (i: number) => new Date(Date.UTC(2024, 0, 1 + i)).toISOString().slice(0, 10);
const days = Array.from({ length: DAYS }, (_, i) => dayOf(i));

beforeAll(async () => {
  Object.assign(process.env, env);
  await sdkMakeBucket(s3, bucket);
  const places = openPlaces({ config: { stores: {} }, folder: '/' });
  const { store } = places.at({ kind: 's3', bucket, key: '' });
  await Promise.all(days.map((day) => store.write(`lake/dt=${day}/_SUCCESS`, new Uint8Array())));
  await places.close();
});

/** The command, and how many requests its process began. */
async function counted(words: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const folder = folderWith(files);
  const count = join(folder, 'count');
  const hook = join(folder, 'hook.mjs');
  writeFileSync(
    hook,
    `import { subscribe } from 'node:diagnostics_channel';
     import { writeFileSync } from 'node:fs';
     let sent = 0;
     subscribe('http.client.request.start', () => { sent += 1; });
     process.on('exit', () => writeFileSync(${JSON.stringify(count)}, String(sent)));`,
  );
  const ran = await stepaside(words, { cwd: folder, env, nodeArgs: ['--import', hook] });
  return { ...ran, sent: Number(readFileSync(count, 'utf8')) };
}

const workflow = `apiVersion: stepaside/v1
kind: Workflow
name: many
steps:
  - name: clean
    forEach: { date: { from: "${dayOf(0)}", to: "${dayOf(DAYS - 1)}", every: 1d } }
    when: { pathNotExists: ['s3://${bucket}/lake/dt={{each.date}}/_SUCCESS'] }
    run: [echo, '{{each.date}}']
`;

describe('many places on S3', () => {
  it('check says how many requests it took, and why', async () => {
    const uris = days.map((day) => `s3://${bucket}/lake/dt=${day}/_SUCCESS`);
    const ran = await counted(['check', '-v', ...uris]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.sent).toBe(1);
    expect(ran.stderr).toContain(`s3://${bucket}: 400 names below "lake/dt=202" out of 1 page: worth 400 HEADs`);
    expect(ran.stderr).toContain(`s3://${bucket}: 1 request (1 LIST)`);
    expect(ran.stdout.match(/^present /gm)).toHaveLength(400);
  });

  it('few of them are asked for by name, and that is told too', async () => {
    const uris = days.slice(0, 3).map((day) => `s3://${bucket}/lake/dt=${day}/_SUCCESS`);
    const ran = await counted(['check', '-v', ...uris]);
    expect(ran.sent).toBe(3);
    expect(ran.stderr).toContain('3 names below "lake/dt=2024-01-0" one by one: worth 3 HEADs');
  });

  it.each([
    ['check', '-f'],
    ['plan', '-f'],
  ])('%s looks at the partitions of a series together', async (...words) => {
    const ran = await counted([...words, 'stepaside.yaml'], { 'stepaside.yaml': workflow });
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.sent).toBeLessThanOrEqual(2);
  });
});

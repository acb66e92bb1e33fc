import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket } from '../rig/sdk.js';

const s3 = inject('s3');
const env = accountOf(s3);

/** Every module that a run of the command resolves, by a loader hook and from Node's own list: what was loaded. */
async function modulesOf(
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const folder = folderWith();
  const log = join(folder, 'log');
  const hooks = join(folder, 'hooks.mjs');
  writeFileSync(log, '');
  writeFileSync(
    hooks,
    `import { appendFileSync } from 'node:fs';
     export async function resolve(name, context, next) {
       const found = await next(name, context);
       appendFileSync(${JSON.stringify(log)}, found.url + '\\n');
       return found;
     }`,
  );
  const entry = join(folder, 'entry.mjs');
  writeFileSync(entry, `import { register } from 'node:module'; register(${JSON.stringify(`file://${hooks}`)});`);
  const nodeArgs = ['--import', entry, '-r', resolve(import.meta.dirname, '../quick/loaded.cjs')];
  const ran = await stepaside(words, { cwd: folder, env: { ...env, ...more }, nodeArgs });
  expect([0, 10], ran.stderr + ran.stdout).toContain(ran.code);
  const { required } = JSON.parse(ran.stderr.split('\0')[1]!) as { required: string[] };
  return [...readFileSync(log, 'utf8').split('\n').filter(Boolean), ...required];
}

const HEAVY = /node_modules\/(@aws-sdk|@smithy|zod|yaml|fast-glob|minio)\//;

describe('the start', () => {
  it('loads no SDK, no schema library and no YAML parser to check a place', async () => {
    const bucket = `start-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const onS3 = await modulesOf(['check', `s3://${bucket}/x`]);
    const onDisk = await modulesOf(['check', '/']);
    expect(onS3.filter((url) => HEAVY.test(url))).toEqual([]);
    expect(onDisk.filter((url) => HEAVY.test(url))).toEqual([]);
    // The program that was loaded holds no other command and no library.
    for (const loaded of [onS3, onDisk])
      expect(loaded.filter((url) => /\/(cli|check)\.cjs$/.test(url))).toEqual([expect.stringMatching(/check\.cjs$/)]);
    // The check can fail: the other wire does load the SDK, and the hook sees it.
    const reference = await modulesOf(['check', `s3://${bucket}/x`], { STEPASIDE_S3: 'sdk' });
    expect(reference.some((url) => HEAVY.test(url))).toBe(true);
  });

  it('asks a store as little as it can: one object, one HEAD', async () => {
    const bucket = `start-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const { openPlaces } = await import('../../src/preset.js');
    const { askPresence } = await import('../../src/look/ask.js');
    const { parseLocation } = await import('../../src/core/location.js');
    Object.assign(process.env, env);
    const places = openPlaces({ config: { stores: {} }, folder: '/' });
    const place = places.at(parseLocation(`s3://${bucket}/`));
    await place.store.write('x/_SUCCESS', new Uint8Array());
    const before = places.counts.get(place.store.name)!.snapshot().calls;
    await askPresence(places, { path: `s3://${bucket}/x/_SUCCESS` });
    const after = places.counts.get(place.store.name)!.snapshot().calls;
    expect({ head: after.head - before.head, read: after.read - before.read, list: after.list - before.list }).toEqual({
      head: 1,
      read: 0,
      list: 0,
    });
    await places.close();
  });
});

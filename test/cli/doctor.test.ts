import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';

const s3 = inject('s3');
const bucket = `doctor-${randomBytes(4).toString('hex')}`;
const env = accountOf(s3);
beforeAll(() => sdkMakeBucket(s3, bucket));

interface Finding {
  readonly level: string;
  readonly what: string;
  readonly text: string;
  readonly fix?: string;
}
async function examine(words: string[], more: { env?: Record<string, string>; cwd?: string } = {}) {
  const ran = await stepaside(['doctor', '--json', ...words], { ...more, env: { ...env, ...more.env } });
  const results = ran.json()['results'] as { location: string; findings: Finding[] }[];
  const find = (what: string) => results.flatMap(({ findings }) => findings).find((f) => f.what === what);
  return { code: ran.code, results, find, text: ran.stdout };
}

describe('doctor', () => {
  it('tells rights, region and clock of S3 and writes nothing', async () => {
    const { code, find } = await examine([`s3://${bucket}/cache/`]);
    expect(code).toBe(0);
    expect(find('endpoint')?.text).toContain(new URL(s3.endpoint).host);
    expect([find('HEAD')?.level, find('LIST')?.level, find('clock')?.text]).toEqual([
      'good',
      'good',
      expect.stringMatching(/ours/),
    ]);
    expect(find('PUT')?.text).toMatch(/not tried/);
    expect(find('put-if-absent')?.text).toMatch(/claimed.*not tried/);
    const witness = new Witness(s3, bucket);
    expect(await witness.list('')).toEqual([]);
    witness.close();
  });

  it('races conditional writes with --probe, below the prefix alone, and cleans up', async () => {
    const { code, find, text } = await examine([`s3://${bucket}/cache/`, '--probe']);
    expect(code, text).toBe(0);
    expect([find('PUT')?.level, find('GET')?.level, find('DELETE')?.level, find('put-if-absent')?.level]).toEqual([
      'good',
      'good',
      'good',
      'good',
    ]);
    const witness = new Witness(s3, bucket);
    expect(await witness.list('')).toEqual([]);
    witness.close();
  });

  it.each([
    ['a missing bucket', 's3://no-such-bucket-here/', {}, /bucket/],
    ['a wrong secret', `s3://${bucket}/`, { AWS_SECRET_ACCESS_KEY: 'wrong' }, /signature/i],
    ['nobody there', `s3://${bucket}/`, { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }, /refused/i],
    ['a volume that is mapped nowhere', 'pvc://x/', {}, /mounted/],
  ])('%s: exit 3, the cause and a fix', async (_, location, more, why) => {
    const { code, results } = await examine([location], { env: more });
    expect(code).toBe(3);
    const bad = results.flatMap(({ findings }) => findings).filter(({ level }) => level === 'bad');
    expect(bad.map(({ text }) => text).join('\n')).toMatch(why);
    expect(bad.some(({ fix }) => fix !== undefined)).toBe(true);
  });

  it('tells the file system of a folder, and probes it', async () => {
    const cwd = folderWith({ 'cache/x': '' });
    const looked = await examine([`${cwd}/cache`]);
    expect([looked.code, looked.find('file system')?.text, looked.find('free')?.text]).toEqual([
      0,
      expect.any(String),
      expect.stringMatching(/iB/),
    ]);
    expect(looked.find('put-if-absent')?.text).toMatch(/link/);
    const probed = await examine([`${cwd}/cache`, '--probe']);
    expect([probed.code, probed.find('put-if-absent')?.level]).toEqual([0, 'good']);
    expect(
      readdirSync(join(cwd, 'cache'), { recursive: true }).filter((name) => String(name).includes('rights')),
    ).toEqual([]);
  });

  it('probes the cache of a workflow, and never the stores of its config', async () => {
    const cwd = folderWith({
      'stepaside.yaml':
        'apiVersion: stepaside/v1\nkind: Workflow\nname: x\ncache: cache/\nsteps: [{ name: a, run: "true" }]\n',
      'stepaside.config.yaml': 'stores: { "pvc://data": { mount: data } }\n',
      'cache/x': '',
      'data/x': '',
    });
    const { results } = await examine(['-f', 'stepaside.yaml', '--probe'], { cwd });
    const put = (location: string) =>
      results.find((r) => r.location === location)?.findings.find(({ what }) => what === 'PUT')?.text;
    expect([put('cache/'), put('pvc://data')]).toEqual(['allowed', expect.stringContaining('not tried')]);
  });

  it('examines the stores of the config when none is named, and which BLAKE3 is in use', async () => {
    const cwd = folderWith({ 'mnt/x': '', 'stepaside.config.yaml': 'stores: { "pvc://training": { mount: mnt } }\n' });
    const { results, find } = await examine([], { cwd, env: { STEPASIDE_BLAKE3: 'portable' } });
    expect(results.map(({ location }) => location)).toEqual(['this machine', 'pvc://training']);
    expect(find('BLAKE3')).toMatchObject({ level: 'warn', text: expect.stringContaining('WebAssembly') });
  });
});

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshot } from '../artifacts/rig.js';
import { folderWith, stepaside } from '../rig/cli.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import { accountOf } from '../rig/s3-server.js';

describe('artifact', () => {
  it('puts a folder once, lists it, and gets it back, whole or in part', async () => {
    const cwd = folderWith({ 'in/a': 'a', 'in/b/c': 'c'.repeat(5000), 'in/b/_DONE': '' });
    const put = await stepaside(['artifact', 'put', 'in', '--marker', 'b/_DONE', '--json'], { cwd });
    expect(put.json()).toMatchObject({
      stepaside: 1,
      command: 'artifact put',
      exitCode: 0,
      artifacts: [{ path: 'in', kind: 'tree', files: 2, bytes: 5001 }],
    });
    const [{ digest }] = put.json()['artifacts'] as [{ digest: string }];
    expect(fs.readFileSync(join(cwd, '.stepaside/.gitignore'), 'utf8')).toBe('*\n');
    const again = await stepaside(['artifact', 'put', 'in', '--marker', 'b/_DONE'], { cwd });
    expect(again).toMatchObject({ code: 0, stdout: `${digest}  in\n` });
    expect(again.stderr).toMatch(/4\.9 KiB in 2 files; 0 B stored, 4\.9 KiB were there/);
    expect((await stepaside(['artifact', 'ls'], { cwd })).stdout).toMatch(
      /^blake3-[0-9a-f]{12} +tree +4\.9 KiB +2 files/,
    );
    expect((await stepaside(['artifact', 'ls', digest], { cwd })).stdout).toMatch(
      /^6[0-9]{2} +1 {2}a\n6[0-9]{2} +5000 {2}b\/c\n$/,
    );
    const got = await stepaside(['artifact', 'get', digest.slice(7, 15), 'out'], { cwd });
    expect(got).toMatchObject({ code: 0, stdout: 'new       out  4.9 KiB\n' });
    fs.rmSync(join(cwd, 'in/b/_DONE'));
    expect(snapshot(join(cwd, 'out'))).toEqual(snapshot(join(cwd, 'in')));
    expect((await stepaside(['artifact', 'get', digest, 'out'], { cwd })).stdout).toMatch(/^kept/);
    await stepaside(['artifact', 'get', digest, 'part', '--only', 'b/*'], { cwd });
    expect(fs.readdirSync(join(cwd, 'part'))).toEqual(['b']);
    const du = await stepaside(['artifact', 'du', '--json'], { cwd });
    expect(du.json()).toMatchObject({ artifacts: 1, artifactBytes: 5001, packs: { count: 1 }, packed: 3 });
  });

  it('takes stdin and gives stdout, also on S3', async () => {
    const cwd = folderWith();
    const cache = `s3://${await freshBucket()}/cache/`;
    const env = {
      PATH: process.env['PATH'] ?? '',
      ...accountOf(rigServer()),
      STEPASIDE_CACHE: cache,
    };
    const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');
    const input = Buffer.alloc(9 * 2 ** 20, 'stepaside ');
    const put = spawnSync(process.execPath, [cli, 'artifact', 'put', '-'], { cwd, env, input, encoding: 'utf8' });
    expect(put.stdout, put.stderr).toMatch(/^blake3-[0-9a-f]{64} {2}-\n$/);
    const words = ['artifact', 'get', put.stdout.split(' ')[0]!, '-'];
    const got = spawnSync(process.execPath, [cli, ...words], { cwd, env, maxBuffer: 2 ** 26 });
    expect(got.stdout.equals(input)).toBe(true);
  });

  it('says what is wrong, and leaves nothing behind', async () => {
    const cwd = folderWith({ 'in/a': 'a' });
    expect(await stepaside(['artifact'], { cwd })).toMatchObject({ code: 2 });
    expect((await stepaside(['artifact', 'drop'], { cwd })).stderr).toMatch(/artifact cannot drop/);
    const missing = await stepaside(['artifact', 'put', 'nowhere'], { cwd });
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toMatch(/there is no nowhere/);
    expect((await stepaside(['artifact', 'get', 'abc', 'out'], { cwd })).stderr).toMatch(
      /no artifact has the digest abc/,
    );
    const lost = await stepaside(['artifact', 'get', `blake3-${'0'.repeat(64)}`, 'out', '--json'], { cwd });
    expect(lost).toMatchObject({ code: 2 });
    expect(lost.json()).toMatchObject({ command: 'artifact get', error: { code: 'usage' } });
    expect(fs.readdirSync(cwd).sort()).toEqual(['.stepaside', 'in']);
  });
});

describe('verify and gc', () => {
  it('find what is wrong, and remove what nothing names', async () => {
    const cwd = folderWith({ 'in/a': 'a'.repeat(100) });
    await stepaside(['artifact', 'put', 'in'], { cwd });
    expect(await stepaside(['verify', '--full'], { cwd })).toMatchObject({
      code: 0,
      stdout: '1 artifacts, 0 broken, 1 objects read (310 B)\n',
    });
    expect((await stepaside(['gc', '--dry-run'], { cwd })).stdout).toBe('1 artifacts kept; 0 objects would go, 0 B\n');
    const [pack] = fs.readdirSync(join(cwd, '.stepaside/v1/packs'));
    const bytes = fs.readFileSync(join(cwd, '.stepaside/v1/packs', pack!));
    bytes[0]! ^= 1;
    fs.writeFileSync(join(cwd, '.stepaside/v1/packs', pack!), bytes);
    const bad = await stepaside(['verify', '--full', '--json'], { cwd });
    expect(bad).toMatchObject({ code: 1 });
    expect(bad.json()).toMatchObject({
      bad: [{ key: `v1/packs/${pack}` }],
      broken: [{ why: expect.stringContaining('gone') }],
    });
    await new Promise((done) => setTimeout(done, 1100));
    const dry = await stepaside(['gc', '--older-than', '1s', '--dry-run', '--json'], { cwd });
    expect(dry.json()).toMatchObject({
      ended: 'dry-run',
      doomed: [{ kind: 'artifact' }, { kind: 'pack' }, { kind: 'index' }],
    });
    const gone = await stepaside(['gc', '--older-than', '1s'], { cwd });
    expect(gone.stdout).toMatch(/0 artifacts kept; 3 objects removed/);
    expect((await stepaside(['artifact', 'ls'], { cwd })).stderr).toMatch('no artifacts');
    expect(await stepaside(['gc', '--older-than', 'soon'], { cwd })).toMatchObject({ code: 2 });
    expect(await stepaside(['verify', '--sample', '2'], { cwd })).toMatchObject({ code: 2 });
  });
});

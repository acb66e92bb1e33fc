import fs from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { snapshot } from '../artifacts/rig.js';
import { folderWith, stepaside } from '../rig/cli.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import { accountOf } from '../rig/s3-server.js';

/** Two artifacts in the cache of a folder that somebody works in. */
async function shop() {
  const cwd = folderWith({ 'in/a': 'a', 'in/conf/b': 'b', 'in/conf/c': 'c', 'work/mine': 'mine', one: '1' });
  const say = (...words: string[]) => stepaside(['artifact', ...words], { cwd });
  const [tree, file] = (await say('put', 'in', 'one')).stdout.split('\n').map((line) => line.slice(0, 71));
  const rows = () => snapshot(cwd).filter((row) => !row.startsWith('.stepaside'));
  return { cwd, say, rows, tree: tree!, file: file! };
}

it('nothing of anybody else is removed: not here, not above, not in a folder by the name of a file', async () => {
  const { say, rows, tree, file } = await shop();
  const before = rows();
  for (const [digest, target] of [
    [tree, '.'],
    [tree, 'work'],
    [tree, 'one'],
    [file, 'work'],
    [file, '.'],
  ] as const) {
    const refused = await say('get', digest, target, '--json');
    expect(refused, target).toMatchObject({ code: 3 });
    expect(refused.json()).toMatchObject({ error: { code: 'store/conflict', hint: expect.any(String) } });
  }
  // The cache itself would go, whoever asks for that.
  expect(await say('get', tree, '.', '--replace')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/holds the cache itself/),
  });
  expect(rows()).toEqual(before);
  expect(await say('get', tree, 'work', '--replace')).toMatchObject({ code: 0, stdout: 'replaced  work  3 B\n' });
  expect(rows().some((row) => row.startsWith('work/mine'))).toBe(false);
});

it('the cache is no place for it, on a disk or on S3, above it or in it', async () => {
  const { cwd, say, rows, tree } = await shop();
  for (const target of ['.stepaside', '.stepaside/v1/packs', '.stepaside/v1/new'])
    for (const more of [[], ['--replace'], ['--only', 'a']])
      expect(await say('get', tree, target, ...more), target).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/lies in the cache .*nothing but Stepaside writes there/),
      });
  expect(await say('get', tree, 'again')).toMatchObject({ code: 0 });
  expect(rows().filter((row) => row.startsWith('again/'))).toHaveLength(5);

  const bucket = `s3://${await freshBucket()}`;
  const env = { ...accountOf(rigServer()), STEPASIDE_CACHE: `${bucket}/cache/` };
  const there = async (...words: string[]) => stepaside(['artifact', ...words], { cwd, env });
  expect(await there('put', 'in')).toMatchObject({ code: 0 });
  for (const [target, what] of [
    [`${bucket}/`, /holds the cache itself/],
    [`${bucket}/cache/`, /lies in the cache/],
    [`${bucket}/cache/v1/packs/`, /lies in the cache/],
  ] as const)
    expect(await there('get', tree, target, '--replace'), target).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(what),
    });
  expect(await there('get', tree, `${bucket}/cached/`, '--replace')).toMatchObject({ code: 0 });
  expect(await there('get', tree, 'from-s3')).toMatchObject({ code: 0 });
});

it('what is pinned stays whatever gc is asked for, until it is let go', async () => {
  const { cwd, say, tree } = await shop();
  fs.writeFileSync(join(cwd, 'two'), '2');
  const two = (await say('put', 'two', '--pin')).stdout.slice(0, 71);
  expect(await say('pin', tree.slice(0, 19))).toMatchObject({ code: 0, stdout: `pin  ${tree}\n` });
  expect((await say('ls')).stdout.split('\n').filter((line) => line.endsWith('  pinned'))).toHaveLength(2);
  const gc = async () => {
    const done = await stepaside(['gc', '--older-than', '0s', '--json'], { cwd });
    return (done.json() as { kept: number }).kept;
  };
  await new Promise((done) => setTimeout(done, 50));
  expect(await gc()).toBe(2);
  expect(await say('get', tree, 'out')).toMatchObject({ code: 0 });
  expect(await say('pin', two, '--undo', '--json')).toMatchObject({ code: 0 });
  expect(await gc()).toBe(1);
  expect(await say('pin', two)).toMatchObject({ code: 2, stderr: expect.stringMatching(/no artifact has the digest/) });
  expect(await say('pin')).toMatchObject({ code: 2 });
});

it('a part of it is put beside what is there; a pattern that means nothing is told, and nothing is touched', async () => {
  const { cwd, say, rows, tree } = await shop();
  const got = await say('get', tree, 'work', '--only', 'conf/*', '--json');
  expect(got.json()).toMatchObject({ how: 'filled', files: 2, bytes: 2, writtenBytes: 2 });
  expect(fs.readdirSync(join(cwd, 'work')).sort()).toEqual(['conf', 'mine']);
  expect((await say('get', tree, 'work', '--only', 'conf/*')).stdout).toBe('kept      work  2 B\n');
  const before = rows();
  for (const pattern of ['conf', 'nope/**', '['])
    expect(await say('get', tree, 'work', '--only', pattern), pattern).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/no path of it matches/),
    });
  expect(rows()).toEqual(before);
});

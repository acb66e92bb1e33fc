import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { freshBucket } from '../rig/rig-server.js';
import { accountOf } from '../rig/s3-server.js';
import { Witness } from '../rig/sdk.js';

const STEP = `
  - name: train
    run: echo train >> ran; mkdir -p model/deep; echo weights > model/deep/w; cp in.txt model/config; touch model/_SUCCESS
    inputs: { files: [in.txt] }
    outputs: [{ path: model/, keep: artifact, marker: _SUCCESS, mode: replace }]
`;

async function made(more: string[] = []) {
  const cwd = folderWith({ 'in.txt': 'a', 'stepaside.yaml': `name: w\nsteps:${STEP}` });
  const say = (...words: string[]) => stepaside([...words, ...more.map((word) => word.replace('HERE', cwd))], { cwd });
  expect(await say('run')).toMatchObject({ code: 0 });
  return { cwd, say, at: (name: string) => join(cwd, name) };
}

/** What is stored, gone or with one bit turned. */
function damage(cache: string, how: 'gone' | 'turned'): void {
  const packs = join(cache, 'v1/packs');
  for (const name of readdirSync(packs)) {
    const bytes = readFileSync(join(packs, name));
    bytes[0]! ^= 1;
    rmSync(join(packs, name));
    if (how === 'turned') writeFileSync(join(packs, name), bytes);
  }
}

describe('what the store has lost', () => {
  it.each(['gone', 'turned'] as const)(
    '%s: verify --mend stores it anew from the place, and it is put back',
    async (how) => {
      const w = await made();
      damage(w.at('.stepaside'), how);
      const words = ['verify', '--json', ...(how === 'turned' ? ['--full'] : [])];
      const found = await w.say(...words);
      expect(found.code).toBe(1);
      // The tree, and the marker that the producer left; an empty one has no blobs to lose.
      expect(found.json()).toMatchObject({ broken: [{}] });
      const mended = await w.say(...words, '--mend');
      expect(mended.json()).toMatchObject({ exitCode: 0, broken: [], mended: [{ step: 'train' }] });
      expect(await w.say('verify', '--full')).toMatchObject({ code: 0 });
      rmSync(w.at('model'), { recursive: true });
      expect((await w.say('run')).stderr).toMatch(/1 avoided, 0 ran/);
      expect(readFileSync(w.at('model/deep/w'), 'utf8')).toBe('weights\n');
      expect(readFileSync(w.at('ran'), 'utf8')).toBe('train\n');
    },
  );

  it('what lies at the place now and is something else mends nothing', async () => {
    const w = await made();
    damage(w.at('.stepaside'), 'gone');
    writeFileSync(w.at('model/deep/w'), 'weightz\n');
    const said = await w.say('verify', '--mend', '--json');
    expect(said.json()).toMatchObject({ exitCode: 1, broken: [{}], mended: [] });
    rmSync(w.at('model/deep'), { recursive: true });
    expect(await w.say('verify', '--mend')).toMatchObject({ code: 1 });
  });

  it('a restore elsewhere takes it from where it was made, and gives up no record', async () => {
    const w = await made(['--cache', 'HERE/cache']);
    const other = `${w.cwd}-other`;
    mkdirSync(other);
    for (const name of ['in.txt', 'stepaside.yaml']) cpSync(w.at(name), join(other, name));
    damage(w.at('cache'), 'gone');
    const there = (...words: string[]) => stepaside([...words, '--cache', w.at('cache')], { cwd: other });
    expect((await there('run')).stderr).toMatch(/1 avoided, 0 ran/);
    expect(readFileSync(join(other, 'model/deep/w'), 'utf8')).toBe('weights\n');
    expect((await w.say('plan')).stdout).toMatch(/skip +train +parts-match/);
    // Where it lies nowhere any more, it is made again.
    damage(w.at('cache'), 'gone');
    rmSync(w.at('model'), { recursive: true });
    rmSync(join(other, 'model'), { recursive: true });
    expect((await there('run')).stderr).toMatch(/0 avoided, 1 ran/);
    rmSync(other, { recursive: true });
  });

  it('objects on S3 mend it as well', async () => {
    const s3 = inject('s3');
    const bucket = await freshBucket();
    const witness = new Witness(s3, bucket);
    const env = accountOf(s3);
    const cwd = folderWith({
      'stepaside.yaml': `name: w
steps:
  - name: load
    run: "true"
    outputs: [{ path: "s3://${bucket}/lake/", keep: artifact, marker: _SUCCESS }]
`,
    });
    for (const name of ['a', 'b/c', '_SUCCESS']) await witness.put(`lake/${name}`, Buffer.from(name));
    const say = (...words: string[]) => stepaside(words, { cwd, env });
    expect(await say('touch')).toMatchObject({ code: 0 });
    damage(join(cwd, '.stepaside'), 'turned');
    const said = await say('verify', '--full', '--mend', '--json');
    expect(said.json()).toMatchObject({ exitCode: 0, broken: [], mended: [{ step: 'load' }, { step: 'load' }] });
    const again = await say('verify', '--full');
    expect(again, again.stdout).toMatchObject({ code: 0 });
  });
});

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { freshBucket } from '../rig/rig-server.js';
import { accountOf } from '../rig/s3-server.js';
import { Witness } from '../rig/sdk.js';

const s3 = inject('s3');
const env = {
  ...accountOf(s3),
  CLI: new URL('../../dist/stepaside.cjs', import.meta.url).pathname,
  NODE: process.execPath,
};
let witness: Witness;
let bucket: string;
let number = 0;

beforeAll(async () => {
  bucket = await freshBucket();
  witness = new Witness(s3, bucket);
});

/** A producer: two objects, one of them in parts of a size that nobody guesses, and a marker of its own. */
const PRODUCER = `
import { createRequire } from 'node:module';
const require = createRequire(process.env.CLI);
const aws = require('@aws-sdk/client-s3');
const [Bucket, prefix, input, cut] = process.argv.slice(2);
const client = new aws.S3Client({ endpoint: process.env.AWS_ENDPOINT_URL_S3, forcePathStyle: true });
const put = (Key, Body) => client.send(new aws.PutObjectCommand({ Bucket, Key, Body }));
await put(prefix + 'deep/config', input);
const Key = prefix + 'weights';
const { UploadId } = await client.send(new aws.CreateMultipartUploadCommand({ Bucket, Key }));
const Parts = [];
const all = Buffer.alloc(6 * 2 ** 20 + 1000, input + ' weighs');
const first = Number(cut || 6 * 2 ** 20);
for (const Body of [all.subarray(0, first), all.subarray(first)]) {
  const PartNumber = Parts.length + 1;
  const { ETag } = await client.send(new aws.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  Parts.push({ PartNumber, ETag });
}
await client.send(new aws.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
await put(prefix + '_SUCCESS', '');
`;

function workflow(mode = '') {
  const prefix = `w${++number}/model/`;
  const cwd = folderWith({
    'in.txt': 'a',
    'cut.txt': '',
    'put.mjs': PRODUCER,
    'stepaside.yaml': `name: w
steps:
  - name: train
    run: echo train >> ran; "$NODE" put.mjs ${bucket} ${prefix} "$(cat in.txt)" "$(cat cut.txt)"
    inputs: { files: [in.txt] }
    outputs: [{ path: "s3://${bucket}/${prefix}", keep: artifact, marker: _SUCCESS${mode} }]
  - name: report
    needs: [train]
    run: echo report >> ran; echo done > report.txt
    outputs: [{ path: report.txt, atomic: true }]
`,
  });
  return {
    cwd,
    prefix,
    async run(words: string[] = []) {
      const { stdout, code, stderr } = await stepaside(['run', '--json', '--materialize', ...words], { cwd, env });
      const ended = stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
        .filter(({ type }) => type === 'step-ended');
      const steps = ended.map(({ step, outcome }) => [step, `${outcome.status} ${outcome.verdict?.reason}`]);
      return { code, stderr, stdout, ...Object.fromEntries(steps) };
    },
    say: (...words: string[]) => stepaside(words, { cwd, env }),
    started() {
      const names = existsSync(join(cwd, 'ran')) ? readFileSync(join(cwd, 'ran'), 'utf8').split('\n') : [];
      rmSync(join(cwd, 'ran'), { force: true });
      return names.filter(Boolean);
    },
    keys: async () => (await witness.list(prefix)).map(({ key }) => key.slice(prefix.length)),
  };
}

describe('keep: artifact on S3', () => {
  it('puts back what is gone, and nothing runs, although what lies there has other tags', async () => {
    const w = workflow();
    expect(await w.run(), 'first').toMatchObject({ code: 0, train: 'ran no-record', report: 'ran no-record' });
    expect(w.started()).toEqual(['train', 'report']);
    const [config, weights] = await Promise.all(['deep/config', 'weights'].map((name) => witness.get(w.prefix + name)));

    // One small part: it has its tag again, so nothing is another than before.
    await witness.remove(`${w.prefix}deep/config`);
    expect((await w.say('plan', '--materialize')).stdout).toMatch(/^restore +train +kept-artifact/m);
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided kept-artifact', report: 'avoided parts-match' });
    expect(await witness.get(`${w.prefix}deep/config`)).toEqual(config);
    expect((await witness.head(`${w.prefix}weights`))?.etag).toBe(weights?.etag);
    expect(await w.run()).toMatchObject({ train: 'avoided parts-match', report: 'avoided parts-match' });
    expect(w.started()).toEqual([]);

    // All of it: the large one cannot have its tag again. A record of the new one, as old as the first, says so.
    for (const name of await w.keys()) await witness.remove(w.prefix + name);
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided kept-artifact', report: 'avoided parts-match' });
    const back = await witness.get(`${w.prefix}weights`);
    expect(Buffer.from(back!.body).equals(weights!.body)).toBe(true);
    expect(back!.etag).not.toBe(weights!.etag);
    expect(await w.keys()).toEqual(['_SUCCESS', 'deep/config', 'weights']);
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided parts-match', report: 'avoided parts-match' });
    expect(w.started()).toEqual([]);

    const key = (await w.say('ls', '--json')).json() as { records: { step: string; key: string }[] };
    const shown = await w.say('show', key.records.find(({ step }) => step === 'train')!.key, '--json');
    const { records } = shown.json() as { records: { putBack?: number; attempt: number; producedAt: number }[] };
    const [first, second] = records.toSorted((a, b) => a.attempt - b.attempt);
    expect(records).toHaveLength(2);
    expect(second).toMatchObject({ putBack: first!.attempt, producedAt: first!.producedAt });
  });

  it('who reads what is kept runs again only for other bytes: tags, sizes of parts and times are not asked', async () => {
    const w = workflow();
    await w.run();
    w.started();
    const before = await witness.head(`${w.prefix}weights`);
    // The same bytes in other parts, in another second: S3 tells no smaller time.
    writeFileSync(join(w.cwd, 'cut.txt'), String(5 * 2 ** 20));
    await wait(1_100);
    expect(await w.run(['train', '--force'])).toMatchObject({ code: 0, train: 'ran forced' });
    expect((await witness.head(`${w.prefix}weights`))?.etag).not.toBe(before?.etag);
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided parts-match', report: 'avoided parts-match' });
    // What it read is fingerprinted once more after it ran, from what lies there: that has to be the same identity.
    expect(await w.run(['report', '--force'])).toMatchObject({
      code: 0,
      train: 'avoided parts-match',
      report: 'ran forced',
    });
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided parts-match', report: 'avoided parts-match' });
    expect(w.started()).toEqual(['train', 'report']);
  });

  it('a run ends the uploads to its objects that a killed restore left, and nobody else’s', async () => {
    const w = workflow();
    await w.run();
    const begin = (name: string) =>
      witness.client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: w.prefix + name }));
    await begin('weights');
    const { UploadId } = await begin('another');
    await wait(1_100);
    expect(await w.run(['train', '--force'])).toMatchObject({ code: 0, train: 'ran forced' });
    expect(await witness.openUploads(w.prefix)).toEqual([`${w.prefix}another`]);
    const another = { Bucket: bucket, Key: `${w.prefix}another`, UploadId };
    await witness.client.send(new AbortMultipartUploadCommand(another));
  });

  it('goes back to what another input made', async () => {
    const w = workflow();
    await w.run();
    const was = await witness.get(`${w.prefix}weights`);
    writeFileSync(join(w.cwd, 'in.txt'), 'b');
    expect(await w.run()).toMatchObject({ code: 0, train: 'ran other-key' });
    w.started();
    writeFileSync(join(w.cwd, 'in.txt'), 'a');
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided kept-artifact' });
    expect(Buffer.from((await witness.get(`${w.prefix}weights`))!.body).equals(was!.body)).toBe(true);
    expect(await w.run()).toMatchObject({ train: 'avoided parts-match' });
    expect(w.started()).not.toContain('train');
  });

  it('what would have to go is for a person to say: refused, and nothing touched; mode: replace says it', async () => {
    for (const mode of ['', ', mode: replace']) {
      const w = workflow(mode);
      await w.run();
      w.started();
      await witness.put(`${w.prefix}note`, Buffer.from('mine'));
      await witness.remove(`${w.prefix}deep/config`);
      const said = await w.run();
      if (mode === '') {
        expect(said).toMatchObject({ code: 3, train: 'refused parts-changed' });
        expect(said.stdout).toContain('note is not in the record; mode: replace removes such parts');
        expect(await w.keys()).toEqual(['_SUCCESS', 'note', 'weights']);
        // Still so when asked again: no lease was taken that would have put the place in doubt.
        expect(await w.run()).toMatchObject({ code: 3, train: 'refused parts-changed' });
      } else {
        expect(said).toMatchObject({ code: 0, train: 'avoided kept-artifact' });
        expect(await w.keys()).toEqual(['_SUCCESS', 'deep/config', 'weights']);
      }
      expect(w.started()).not.toContain('train');
    }
  });

  it('runs again where what was kept is damaged, and no damaged byte arrives', async () => {
    const w = workflow();
    await w.run();
    w.started();
    const chunks = join(w.cwd, '.stepaside/v1/chunks');
    for (const name of readdirSync(chunks, { recursive: true, encoding: 'utf8' })) {
      const path = join(chunks, name);
      if (!statSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      rmSync(path);
      writeFileSync(path, bytes);
    }
    await witness.remove(`${w.prefix}weights`);
    // S3 tells seconds: the same bytes, written again in the same one, are taken for what was there before.
    await wait(1_100);
    expect(await w.run()).toMatchObject({ code: 0, train: 'ran partial' });
    expect(w.started()).toContain('train');
    expect(await w.run()).toMatchObject({ train: 'avoided parts-match' });
  });
});

it('artifact get puts a tree to a location, and touches nothing where something else lies', async () => {
  const cwd = folderWith({ 'in/a': 'a', 'in/b/c': 'c' });
  const at = `s3://${bucket}/got${++number}/`;
  const say = (...words: string[]) => stepaside(['artifact', ...words], { cwd, env });
  const digest = (await say('put', 'in')).stdout.slice(0, 71);
  expect(await say('get', digest, at)).toMatchObject({ code: 0, stdout: `new       ${at}  2 B\n` });
  expect((await say('get', digest, at)).stdout).toMatch(/^kept/);
  await witness.put(`got${number}/x`, Buffer.from('x'));
  const refused = await say('get', digest, at, '--json');
  expect(refused).toMatchObject({ code: 3 });
  expect(refused.json()).toMatchObject({ error: { code: 'store/conflict' } });
  expect(await say('get', digest, at, '--replace')).toMatchObject({ code: 0 });
  expect((await witness.list(`got${number}/`)).map(({ key }) => key)).toEqual([`got${number}/a`, `got${number}/b/c`]);
});

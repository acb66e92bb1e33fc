import { randomBytes } from 'node:crypto';
import { expect, inject, it, onTestFinished } from 'vitest';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';
import { example } from './example.js';

it('believes a marker that holds the key of this work, and of no other', async () => {
  const s3 = inject('s3');
  const bucket = `example-${randomBytes(4).toString('hex')}`;
  await sdkMakeBucket(s3, bucket);
  const witness = new Witness(s3, bucket);
  onTestFinished(() => witness.close());
  const text = async (key: string) => Buffer.from((await witness.get(key))?.body ?? []).toString();

  const { run: start, stepaside } = example('03-key-match-s3');
  const env = {
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: s3.region,
  };
  const words = (model: string) => ['-p', `bucket=${bucket}`, '-p', `model=${model}`];
  const run = (model: string) => start(words(model), { env });
  const keyOf = async (model: string) =>
    /blake3-[0-9a-f]+/.exec((await stepaside(['key', ...words(model)], { env })).stdout)?.[0];

  expect(await run('small')).toEqual({ ran: 1, avoided: 0 });
  const small = await text('model/weights.json');
  expect(await text('model/_KEY')).toBe(await keyOf('small'));

  expect(await run('small')).toEqual({ ran: 0, avoided: 1 });
  expect(await text('model/weights.json')).toBe(small);

  expect(await run('large')).toEqual({ ran: 1, avoided: 0 });
  expect(await text('model/weights.json')).toContain('"large"');
  expect(await text('model/_KEY')).toBe(await keyOf('large'));
  expect(await keyOf('large')).not.toBe(await keyOf('small'));

  expect(await run('large')).toEqual({ ran: 0, avoided: 1 });
  expect((await witness.list('')).map(({ key }) => key).sort()).toEqual(['model/_KEY', 'model/weights.json']);
});

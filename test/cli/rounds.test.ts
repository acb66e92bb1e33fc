import { randomBytes } from 'node:crypto';
import { setTimeout as later } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { type Asked, startFaultProxy } from '../rig/fault-proxy.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket } from '../rig/sdk.js';

/** Far longer than a request takes, so that who asks one after the other is noticed and does not wait for ever. */
const PATIENCE_MS = 5_000;

/** Uploads before parts, so that one that ends meanwhile is seen as the one or as the other. */
const ROUNDS = [
  ['CLOCK', 'LIST cache/v1/keys/*/', 'LIST cache/v1/places/*/', 'UPLOADS lake/'],
  ['GET cache/v1/keys/*/00000003', 'GET cache/v1/places/*/00000003', 'LIST lake/'],
];

/** What a request is about, as far as the order of questions goes. */
function subjectOf({ method, query, path }: Asked): string {
  const prefix = query.get('prefix') ?? '';
  if (query.has('uploads')) return `UPLOADS ${prefix}`;
  if (query.get('max-keys') === '1') return 'CLOCK';
  const about = query.has('list-type') ? `LIST ${prefix}` : `${method} ${path.replace(/^\/[^/]+\//, '')}`;
  return about.replace(/[0-9a-f]{2}\/blake3-[0-9a-f]+/, '*');
}

describe('a hit of work on S3', () => {
  const s3 = inject('s3');

  it('takes two rounds: the output is asked about beside the clock and the logs, not after them', async () => {
    const bucket = `rounds-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const asked: string[] = [];
    let late = 0;
    let holding = false;
    // An answer is held until all of its round were asked.
    const proxy = await startFaultProxy(s3.endpoint, {
      async hold(request) {
        if (!holding) return;
        const subject = subjectOf(request);
        asked.push(subject);
        const round = ROUNDS.find((one) => one.includes(subject)) ?? [];
        const isOver = () => round.every((one) => asked.includes(one));
        const until = performance.now() + PATIENCE_MS;
        while (!isOver() && performance.now() < until) await later(5);
        if (!isOver()) late += 1;
      },
    });
    try {
      const cwd = folderWith({
        'put.mjs': `
          import { createRequire } from 'node:module';
          const { S3Client, PutObjectCommand } = createRequire(${JSON.stringify(import.meta.filename)})('@aws-sdk/client-s3');
          const client = new S3Client({ endpoint: ${JSON.stringify(s3.endpoint)}, forcePathStyle: true });
          for (const Key of ['lake/a', 'lake/b'])
            await client.send(new PutObjectCommand({ Bucket: '${bucket}', Key, Body: 'x' }));`,
      });
      const env = accountOf({ ...s3, endpoint: proxy.endpoint });
      const words = ['exec', '--cache', `s3://${bucket}/cache`, '-o', `s3://${bucket}/lake/`, '-i', 'put.mjs'];
      const exec = () => stepaside([...words, '--', process.execPath, 'put.mjs'], { cwd, env });
      expect(await exec()).toMatchObject({ code: 0, stderr: expect.stringContaining('no-record') });
      holding = true;
      expect(await exec()).toMatchObject({ code: 0, stderr: expect.stringContaining('parts-match') });
      // Nothing was late, and nothing was asked that only a miss would need.
      expect(late).toBe(0);
      expect([...asked].sort()).toEqual(ROUNDS.flat().sort());
    } finally {
      await proxy.stop();
    }
  }, 120_000);
});

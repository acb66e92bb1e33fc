import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';
import { workflow } from '../rig/workflow.js';

describe('run with cache and places on S3', () => {
  const s3 = inject('s3');

  it('does the work once, is invisible to others but for its markers, and plan writes nothing', async () => {
    const bucket = `run-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const env = accountOf(s3);
    const witness = new Witness(s3, bucket);
    const w = workflow(
      `
  - name: load
    run: echo load >> ran; "$NODE" "$CLI" check s3://${bucket}/lake/ >/dev/null; "$NODE" put.mjs
    outputs: [{ path: "s3://${bucket}/lake/", match: stepaside }]
`,
      {
        head: `cache: s3://${bucket}/cache\n`,
        files: {
          'put.mjs': `
            import { createRequire } from 'node:module';
            const { S3Client, PutObjectCommand } = createRequire(process.env.CLI)('@aws-sdk/client-s3');
            const client = new S3Client({ endpoint: process.env.AWS_ENDPOINT_URL_S3, forcePathStyle: true });
            for (const Key of ['lake/a', 'lake/b'])
              await client.send(new PutObjectCommand({ Bucket: '${bucket}', Key, Body: 'x' }));`,
        },
      },
    );
    const more = { ...env, NODE: process.execPath, CLI: new URL('../../dist/stepaside.cjs', import.meta.url).pathname };
    const plan = () => stepaside(['plan', '--exit-code'], { cwd: w.folder, env: more });
    expect((await plan()).code).toBe(10);
    expect(await keysIn(witness)).toEqual([]);
    expect(await w.outcomes([], more)).toMatchObject({ code: 0, steps: { load: 'ran no-record' } });
    const keys = await keysIn(witness);
    expect(keys.filter((key) => key.startsWith('lake/'))).toEqual(['lake/_stepaside.json', 'lake/a', 'lake/b']);
    expect(await w.outcomes([], more)).toMatchObject({ code: 0, steps: { load: 'avoided parts-match' } });
    expect((await plan()).code).toBe(0);
    expect(w.started()).toEqual(['load']);
    await witness.put('lake/c', new Uint8Array(1));
    expect(await w.outcomes([], more)).toMatchObject({ steps: { load: 'ran parts-changed, leftovers' } });
    witness.close();
  });

  it('ends a step well whose log cannot be written, and says so', async () => {
    const flow = workflow(
      '  - { name: a, run: "echo a; echo a > out/a", outputs: [{ path: out/a, atomic: true }] }\n',
      {
        files: { '.stepaside/logs': 'no folder' },
      },
    );
    const ran = await flow.run();
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('its log is lost') });
    expect((await flow.outcomes()).steps).toEqual({ a: 'avoided parts-match' });
  });
});

async function keysIn(witness: Witness): Promise<string[]> {
  return (await witness.list('')).map(({ key }) => key).sort();
}

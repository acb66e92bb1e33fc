import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EMPTY_LIST, isList, OBJECT, type Scripted, startScripted } from './scripted-server.js';

const run = promisify(execFile);
/** What the SDK would load of Node, and we need not. */
const LOADED =
  'process.moduleLoadList.filter((name) => /^NativeModule (http2|worker_threads|child_process)$/.test(name))';
let folder: string;
let server: Scripted;

/** Far from any node_modules: whoever asks for the SDK there gets an error, and no SDK. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stepaside-no-sdk-'));
  server = await startScripted((asked) => (isList(asked) ? { body: EMPTY_LIST } : { headers: OBJECT, body: 'x' }));
  const use = `
    import { s3Store } from './src/drivers/s3/s3.ts';
    const store = s3Store({ bucket: 'b' });
    const out = [];
    try {
      out.push((await store.head('k')).size, (await store.write('k', Buffer.from('x'))).written);
      for await (const piece of (await store.read('k')).body) out.push(String(piece));
      for await (const head of store.list('')) out.push(head);
    } catch (error) { out.push(error.code, error.message); }
    await store.close();
    console.log(JSON.stringify({ out, loaded: ${LOADED} }));
  `;
  await build({
    stdin: { contents: use, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@aws-sdk/*', '@smithy/*'],
    define: { __SABOTAGE__: '""' },
    outfile: join(folder, 'use.mjs'),
  });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function child(env: Record<string, string>): Promise<{ out: unknown[]; loaded: string[] }> {
  const all = {
    PATH: process.env['PATH'],
    HOME: folder,
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_REGION: 'us-east-1',
    ...env,
  };
  const { stdout } = await run(process.execPath, [join(folder, 'use.mjs')], { env: all });
  return JSON.parse(stdout);
}

it('with keys in the environment the lean wire loads nothing of the SDK', async () => {
  const { out, loaded } = await child({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's' });
  expect(out).toEqual([1, true, 'x']);
  // Later versions of Node load some of it themselves.
  const http = `import 'node:http'; console.log(JSON.stringify(${LOADED}))`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', http]);
  expect(loaded).toEqual(JSON.parse(stdout));
});
it('the same child without keys does ask for it (so the first test can fail)', async () => {
  const { out } = await child({});
  expect(out).toEqual(['store/no-credentials', expect.stringContaining('@aws-sdk/client-s3')]);
});

/**
 * Both wires against a real server, by hand:
 *   npx esbuild test/drivers/s3/live.ts --bundle --platform=node --format=cjs --outfile=/tmp/live.cjs
 *   node /tmp/live.cjs http://127.0.0.1:PORT ACCESS_KEY SECRET_KEY
 * The bucket `live` is made by the rig's own request; odd keys that a server is known to refuse are reported, not counted.
 */
import http from 'node:http';
import { isStoreError } from '../../../src/core/error.js';
import { escapeKey } from '../../../src/drivers/s3/address.js';
import { s3Store } from '../../../src/drivers/s3/s3.js';
import { createSign, sha256 } from '../../../src/drivers/s3/sign.js';
import type { Head, Store } from '../../../src/store/store.js';

const [endpoint = '', accessKeyId = 'test', secretAccessKey = 'testsecret'] = process.argv.slice(2);
const credentials = { accessKeyId, secretAccessKey };
const bucket = `live${Date.now()}`;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
let failed = 0;

/** A request that the driver does not make. */
async function ask(method: string, root: string, query = ''): Promise<void> {
  const url = new URL(endpoint);
  const unsigned = { method, path: root, query, headers: { host: url.host }, payload: sha256('') };
  const headers = createSign('us-east-1')(unsigned, credentials, Date.now());
  const path = query ? `${root}?${query}` : root;
  await new Promise<void>((resolve, reject) => {
    const request = http.request({ host: url.hostname, port: url.port, method, path, headers }, (answer) => {
      answer
        .resume()
        .once('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`${method} ${answer.statusCode}`)),
        );
    });
    request.on('error', reject).end();
  });
}

function check(what: string, good: boolean, detail?: unknown): void {
  if (!good) failed++;
  if (!good || process.env['VERBOSE']) console.log(good ? '  ok  ' : '  FAIL', what, detail ?? '');
}
async function bytes(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}
async function all(list: AsyncIterable<Head>): Promise<Head[]> {
  const heads: Head[] = [];
  for await (const head of list) heads.push(head);
  return heads;
}
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (process.env['VERBOSE']) console.log('      ', String(error), isStoreError(error) ? (error.hint ?? '') : '');
    return isStoreError(error) ? error.code : String(error);
  }
}

const ODD = [
  'plain',
  'a b',
  'a+b',
  '%41',
  '%zz',
  'ünï/ç',
  '日本',
  '😀',
  'e\u0301',
  'a//b',
  'tail/',
  '/lead',
  '&<>',
  '"\'',
  '?#',
  'back\\slash',
  './x',
  '../x',
  'x/../y',
  'x/./y',
  'ctl\u0001\u001f',
  'new\nline',
  'tab\t',
  ' lead and tail ',
  "!'()*~",
  'x'.repeat(255),
  `${'k'.repeat(250)}/`.repeat(4).slice(0, 1000),
  'Case',
  'case',
  ':@=;,$',
  '\u007f',
  '\uffff',
  '[glob]*',
];

async function laws(store: Store, other: Store, wire: string): Promise<void> {
  const p = `${wire}/`;
  check('absent', (await store.head(`${p}no`)) === undefined);
  check('absent read', (await store.read(`${p}no`)) === undefined);
  const first = await store.write(`${p}k`, text('hello'), { ifAbsent: true });
  check('ifAbsent wins', first.written && Boolean(first.etag), first);
  check('ifAbsent loses', !(await store.write(`${p}k`, text('other'), { ifAbsent: true })).written);
  const head = await other.head(`${p}k`);
  check('head', head?.size === 5 && head.etag === '5d41402abc4b2a76b9719d911017c592', head);
  check('time', Math.abs((head?.modifiedAt ?? 0) - Date.now()) < 60_000, head);
  for (const [options, want] of [
    [{}, 'hello'],
    [{ offset: 1 }, 'ello'],
    [{ offset: 1, length: 2 }, 'el'],
    [{ length: 2 }, 'he'],
    [{ length: 99 }, 'hello'],
    [{ offset: 5 }, ''],
    [{ offset: 9, length: 3 }, ''],
    [{ length: 0 }, ''],
    [{ offset: 4, length: 9 }, 'o'],
  ] as const) {
    const found = await other.read(`${p}k`, options);
    check(
      `read ${JSON.stringify(options)}`,
      found !== undefined &&
        String(await bytes(found.body)) === want &&
        found.head.size === 5 &&
        found.head.etag === head?.etag,
    );
  }
  await store.write(`${p}empty`, new Uint8Array());
  check('empty', (await other.head(`${p}empty`))?.size === 0);
  const empty = await store.read(`${p}empty`);
  check('empty body', empty !== undefined && (await bytes(empty.body)).length === 0);
  const race = await Promise.all(
    Array.from({ length: 40 }, (_, i) => store.write(`${p}race`, text(`${i}`), { ifAbsent: true })),
  );
  check('race', race.filter(({ written }) => written).length === 1);
  const big = new Uint8Array(5 * 1024 * 1024 + 7).fill(7);
  await store.write(`${p}big`, big);
  const back = await other.read(`${p}big`);
  check('big', back !== undefined && (await bytes(back.body)).equals(big));
  const broken = await store.read(`${p}big`);
  for await (const _ of broken?.body ?? []) break;
  check('after break', (await store.head(`${p}big`))?.size === big.length);
  const controller = new AbortController();
  const cut = await store.read(`${p}big`, { signal: controller.signal });
  const seen = (async () => {
    for await (const _ of cut?.body ?? []) controller.abort(new Error('enough'));
  })();
  check('abort', (await codeOf(seen)) === 'Error: enough');
  await store.remove(`${p}k`);
  await store.remove(`${p}k`);
  check('removed', (await store.head(`${p}k`)) === undefined);

  for (let i = 0; i < 45; i += 15)
    await Promise.all(
      Array.from({ length: 15 }, (_, j) => store.write(`${p}l/${String(i + j).padStart(3, '0')} +`, text('x'))),
    );
  const listed = await all(other.list(`${p}l/`, { pageSize: 7 }));
  check(
    'list',
    listed.length === 45 &&
      listed.every(
        ({ key, etag, size }, i) =>
          key === `${p}l/${String(i).padStart(3, '0')} +` && size === 1 && etag?.length === 32,
      ),
    listed.slice(0, 3),
  );
  const after = await all(store.list(`${p}l/`, { after: `${p}l/030 +`, pageSize: 4 }));
  check('after', after.length === 14 && after[0]?.key === `${p}l/031 +`, after[0]);
  check('empty list', (await all(store.list(`${p}nothing/`))).length === 0);

  const bad: string[] = [];
  for (const odd of ODD) {
    const key = `${p}odd${ODD.indexOf(odd)}/${odd}`;
    try {
      await store.write(key, text(odd));
      const found = await other.read(key);
      const same =
        found !== undefined && String(await bytes(found.body)) === odd && (await store.head(key))?.key === key;
      const shown = (await all(other.list(`${p}odd${ODD.indexOf(odd)}/`))).map((item) => item.key);
      if (!same) bad.push(`${JSON.stringify(odd)}: not read back`);
      else if (!shown.includes(key)) bad.push(`${JSON.stringify(odd)}: listed as ${JSON.stringify(shown)}`);
    } catch (error) {
      bad.push(
        `${JSON.stringify(odd.slice(0, 30))}: ${isStoreError(error) ? `${error.code} ${error.message.slice(-120)}` : error}`,
      );
    }
  }
  console.log(`  odd keys right: ${ODD.length - bad.length} of ${ODD.length}`);
  for (const line of bad) console.log('    ', line);
  const begun = [`${p}mpu/a b+c`, `${p}mpu/x`, `${p}mpu/x`];
  for (const key of begun) await ask('POST', `/${bucket}/${escapeKey(key)}`, 'uploads=');
  const uploads = [];
  for await (const upload of store.abilities.uploads!.openUploads(`${p}mpu/`)) uploads.push(upload);
  check('uploads', uploads.map(({ key }) => key).join() === begun.join(), uploads);
  check(
    'upload times',
    uploads.every(({ startedAt }) => Math.abs(startedAt - Date.now()) < 60_000),
    uploads,
  );
}

async function refusals(wire: 'lean' | 'sdk'): Promise<void> {
  const at = (more: object) => s3Store({ bucket, endpoint, credentials, wire, ...more });
  for (const verb of ['head', 'read'] as const) {
    check(`${verb} no bucket`, (await codeOf(at({ bucket: 'nosuchbucketatall' })[verb]('k'))) === 'store/no-bucket');
    check(
      `${verb} bad secret`,
      (await codeOf(at({ credentials: { accessKeyId, secretAccessKey: 'wrong' } })[verb]('k'))) === 'store/denied',
    );
    check(
      `${verb} bad key`,
      (await codeOf(at({ credentials: { accessKeyId: 'nobody', secretAccessKey } })[verb]('k'))) === 'store/denied',
    );
    check(
      `${verb} skew`,
      (await codeOf(at({ now: () => Date.now() + 20 * 60_000 })[verb]('k'))) === 'store/clock-skew',
    );
    console.log('  wrong region', verb, await codeOf(at({ region: 'eu-west-9' })[verb]('k')));
  }
  check(
    'write no bucket',
    (await codeOf(at({ bucket: 'nosuchbucketatall' }).write('k', text('')))) === 'store/no-bucket',
  );
  check('list no bucket', (await codeOf(all(at({ bucket: 'nosuchbucketatall' }).list('')))) === 'store/no-bucket');
  const closed = at({});
  await closed.close();
  await closed.close();
  check('closed', (await codeOf(closed.head('k'))) === 'store/closed');
}

async function main(): Promise<void> {
  await ask('PUT', `/${bucket}`);
  const open = (wire: 'lean' | 'sdk') => s3Store({ bucket, endpoint, credentials, wire });
  const lean = open('lean');
  const sdk = open('sdk');
  console.log('lean writes, sdk reads');
  await laws(lean, sdk, 'lean');
  console.log('sdk writes, lean reads');
  await laws(sdk, lean, 'sdk');
  for (const wire of ['lean', 'sdk'] as const) {
    console.log(`refusals, ${wire}`);
    await refusals(wire);
  }
  await lean.close();
  await sdk.close();
  console.log(failed === 0 ? 'all good' : `${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
void main();

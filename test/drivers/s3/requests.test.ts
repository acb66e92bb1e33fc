import { createHash } from 'node:crypto';
import dns from 'node:dns';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { s3Store } from '../../../src/drivers/s3/s3.js';
import type { S3Options } from '../../../src/drivers/s3/settings.js';
import type { Store } from '../../../src/store/store.js';
import {
  type Asked,
  complaint,
  EMPTY_LIST,
  isList,
  OBJECT,
  type Reply,
  type Scripted,
  startScripted,
} from './scripted-server.js';

const KEYS = { accessKeyId: 'AK', secretAccessKey: 'SK' };
let server: Scripted;
const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await server.close();
});
function open(wire: 'lean' | 'sdk', more: Partial<S3Options> = {}): Store {
  const store = s3Store({
    bucket: 'b',
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: KEYS,
    wire,
    ...more,
  });
  stores.push(store);
  return store;
}
async function everyCall(store: Store, key: string): Promise<void> {
  await store.head(key);
  const found = await store.read(key, { offset: 1, length: 1 });
  for await (const _ of found?.body ?? []);
  for await (const _ of store.list(key));
  await store.write(key, Buffer.from('body'), { ifAbsent: true });
  await store.remove(key);
  for await (const _ of store.abilities.uploads!.openUploads(key));
}
const answerAll = () =>
  startScripted((asked) => {
    if (isList(asked)) return { body: EMPTY_LIST };
    if (asked.url.includes('uploads')) {
      return { body: '<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>' };
    }
    if (asked.method === 'DELETE') return { status: 204 };
    if (asked.method !== 'GET') return { headers: OBJECT };
    return { status: 206, headers: { ...OBJECT, 'content-range': 'bytes 1-1/3' }, body: 'x' };
  });

describe('both wires ask for the same', () => {
  it.each([
    'plain',
    'a//b',
    '../x/./y',
    'a b+c',
    '%41',
    "!'()*~",
    'ü/日/\u{1F600}',
    '?#&=',
    '/lead',
    'tail/',
    '\u0001\n',
  ])('for %j', async (key) => {
    server = await answerAll();
    const seen = [];
    for (const wire of ['lean', 'sdk'] as const) {
      server.asked.length = 0;
      await everyCall(open(wire, { requesterPays: true }), key);
      seen.push(
        server.asked.map(({ method, url, headers, body }) => {
          const [path, query = ''] = url.split('?');
          const { searchParams } = new URL(`?${query}`, 'http://x');
          // The SDK names each operation once more, for its own statistics.
          searchParams.delete('x-id');
          const { range, 'if-none-match': condition, 'content-md5': md5, 'x-amz-content-sha256': sha } = headers;
          const payer = headers['x-amz-request-payer'];
          const said = { range, condition, md5, sha, payer, length: headers['content-length'] ?? '0' };
          return { method, path, query: [...searchParams].sort(), body: String(body), ...said };
        }),
      );
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]).toHaveLength(6);
    expect(seen[0]?.every(({ payer }) => payer === 'requester')).toBe(true);
    expect(seen[0]?.[3]).toMatchObject({
      condition: '*',
      md5: createHash('md5').update('body').digest('base64'),
      sha: createHash('sha256').update('body').digest('hex'),
      length: '4',
    });
  });
  it.each(['lean', 'sdk'] as const)('never in chunks, never with a checksum of another kind, %s', async (wire) => {
    server = await answerAll();
    await open(wire).write('k', Buffer.alloc(3_000_000));
    const put = server.asked.find(({ method }) => method === 'PUT');
    expect(put?.body.byteLength).toBe(3_000_000);
    const names = Object.keys(put?.headers ?? {});
    expect(names.filter((name) => /checksum|trailer|encoding|expect|decoded/.test(name))).toEqual([]);
  });
});

describe('a large body, lean', () => {
  const body = Buffer.alloc(2_000_000, 'x');
  const sentAs = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) =>
    headers['x-amz-content-sha256'];
  const sha = createHash('sha256').update(body).digest('hex');
  const put = (asked: readonly Asked[]) => asked.filter(({ method }) => method === 'PUT');

  it('is bound by its signed MD5 alone', async () => {
    server = await answerAll();
    await open('lean').write('k', body);
    const [one] = put(server.asked);
    expect(sentAs(one!)).toBe('UNSIGNED-PAYLOAD');
    expect(one!.headers['content-md5']).toBe(createHash('md5').update(body).digest('base64'));
    expect(one!.headers.authorization).toMatch(/SignedHeaders=[^,]*content-md5/);
  });
  it('is signed itself from the first time on that a server refuses that', async () => {
    server = await startScripted((asked) =>
      isList(asked)
        ? { body: EMPTY_LIST }
        : sentAs(asked) === 'UNSIGNED-PAYLOAD'
          ? { status: 403, body: complaint('AccessDenied') }
          : { headers: OBJECT },
    );
    const store = open('lean');
    expect(await store.write('k', body)).toEqual({ written: true, etag: 'abc' });
    expect(await store.write('l', body)).toEqual({ written: true, etag: 'abc' });
    expect(put(server.asked).map(sentAs)).toEqual(['UNSIGNED-PAYLOAD', sha, sha]);
  });
  describe('that is named by its digest', () => {
    const named = { namedByDigest: true } as const;
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(body));
    const checksOf = ({ headers }: Asked) => [headers['x-amz-checksum-crc32'], headers['content-md5'] !== undefined];
    /** What a server says of each PUT, one after the other. */
    async function saying(...replies: readonly Reply[]) {
      let puts = 0;
      server = await startScripted((asked) => (isList(asked) ? { body: EMPTY_LIST } : replies[puts++]!));
      return open('lean');
    }
    const [plain, echo] = [
      { headers: OBJECT },
      { headers: { ...OBJECT, 'x-amz-checksum-crc32': crc.toString('base64') } },
    ] as const;
    const both = [crc.toString('base64'), true];
    const alone = [crc.toString('base64'), false];
    const md5 = [undefined, true];

    it.each([
      ['has its CRC alone once the server has shown that it computes that', [echo, echo], [both, alone]],
      ['has its MD5 where the server knows no CRC', [plain, plain], [both, md5]],
      ['is sent again where a server took it unchecked', [echo, plain, plain], [both, alone, md5]],
      ['is sent again where a server refuses that header', [{ status: 501 }, plain, plain], [both, md5, md5]],
    ] as const)('%s', async (_, replies, expected) => {
      const store = await saying(...replies);
      await store.write('k', body, named);
      await store.write('l', body, named);
      const puts = put(server.asked);
      expect(puts.map(checksOf)).toEqual(expected);
      expect(puts.map(sentAs)).toEqual(puts.map(() => 'UNSIGNED-PAYLOAD'));
      expect(puts[0]!.headers.authorization).toMatch(/SignedHeaders=[^,]*x-amz-checksum-crc32/);
    });
    it('small ones, and those that must be the first, are as they were', async () => {
      const store = await saying(echo, echo);
      await store.write('k', Buffer.from('small'), named);
      await store.write('l', body, { ...named, ifAbsent: true });
      expect(put(server.asked).map(checksOf)).toEqual([md5, md5]);
    });
  });
  it('is refused where a signed one is', async () => {
    server = await startScripted(() => ({ status: 403, body: complaint('AccessDenied') }));
    await expect(open('lean').write('k', body)).rejects.toMatchObject({ code: 'store/denied' });
    expect(put(server.asked).map(sentAs)).toEqual(['UNSIGNED-PAYLOAD', sha]);
  });
});

describe.each(['lean', 'sdk'] as const)('requests, %s', (wire) => {
  it('keys that cannot be are not sent', async () => {
    server = await answerAll();
    const store = open(wire);
    for (const key of ['', '\ud800', 'a\0', 'x'.repeat(1025), '日'.repeat(342)]) {
      await expect(store.head(key)).rejects.toMatchObject({ code: 'store/bad-key' });
    }
    expect(server.asked).toHaveLength(0);
  });
  it('a first write to a server that is not AWS looks for the bucket, later ones do not', async () => {
    server = await answerAll();
    const store = open(wire);
    await store.write('k', new Uint8Array());
    await store.write('l', new Uint8Array());
    expect(server.asked.map(({ method }) => method)).toEqual(['GET', 'PUT', 'PUT']);
  });
  it('who may write and not look, writes', async () => {
    server = await startScripted(({ method }) =>
      method === 'PUT' ? { headers: OBJECT } : { status: 403, body: complaint('AccessDenied') },
    );
    expect(await open(wire).write('k', new Uint8Array())).toEqual({ written: true, etag: 'abc' });
  });
  it('one connection serves many requests', async () => {
    server = await answerAll();
    const store = open(wire);
    for (let i = 0; i < 5; i++) await everyCall(store, 'k');
    expect(server.sockets.size).toBe(1);
  });
  it('a server that knows no ranges is cut to size', async () => {
    server = await startScripted(() => ({ headers: OBJECT, body: 'hello' }));
    const parts = [];
    const found = await open(wire).read('k', { offset: 1, length: 3 });
    for await (const part of found?.body ?? []) parts.push(part);
    expect(String(Buffer.concat(parts))).toBe('ell');
    expect(found?.head.size).toBe(5);
  });
  it('virtual-host style signs the host it names', async () => {
    server = await answerAll();
    const port = new URL(server.endpoint).port;
    const here = vi
      .spyOn(dns, 'lookup')
      .mockImplementation(((_: string, __: object, done: (...found: unknown[]) => void) =>
        done(null, [{ address: '127.0.0.1', family: 4 }])) as never);
    try {
      await open(wire, { bucket: 'lake', endpoint: `http://lab.test:${port}`, pathStyle: false }).head('k');
    } finally {
      here.mockRestore();
    }
    expect(server.asked[0]).toMatchObject({ url: '/k', headers: { host: `lake.lab.test:${port}` } });
  });
  it('an expired session is renewed once and the request asked again', async () => {
    let status = 400;
    server = await startScripted(({ headers }) => {
      if (headers['x-amz-security-token'] === 'new') status = 200;
      return status === 200 ? { headers: OBJECT } : { status, body: complaint('ExpiredToken') };
    });
    const { createCredentials } = await import('../../../src/drivers/s3/credentials.js');
    const { resolveSettings } = await import('../../../src/drivers/s3/settings.js');
    const { exchange } = await import('../../../src/drivers/s3/exchange.js');
    const { leanWire } = await import('../../../src/drivers/s3/lean.js');
    const { sdkWire } = await import('../../../src/drivers/s3/sdk.js');
    const settings = resolveSettings({ bucket: 'b', endpoint: server.endpoint, region: 'r' }, {}, () => undefined);
    let lent = 0;
    const chain = async () => ({ ...KEYS, sessionToken: lent++ === 0 ? 'old' : 'new' });
    const credentials = createCredentials({ settings, env: {}, readText: () => undefined, chain });
    const made = (wire === 'sdk' ? sdkWire : leanWire)(settings, credentials);
    const doing = { store: 's3://b', key: 'k', verb: 'write' } as const;
    const { answer } = await exchange(credentials, { doing, totalMs: 5000 }, (send) =>
      made.put('k', { body: Buffer.from('x'), ifAbsent: false, namedByDigest: false }, send),
    );
    made.close();
    expect(answer.status).toBe(200);
    expect(server.asked).toHaveLength(2);
    expect(lent).toBe(2);
  });
});

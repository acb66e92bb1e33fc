import { Client as MinioClient } from 'minio';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { s3Store } from '../../src/drivers/s3/s3.js';
import type { Store } from '../../src/store/store.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import { unquoted, Witness } from '../rig/sdk.js';
import { bytesOf, expectBytes } from './laws/acts.js';
import { bytesFrom, randomFrom, seedOfRun } from './random.js';

/** One way to talk to a bucket; ours and other people's, in the same words. */
interface Client {
  put(key: string, body: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array>;
  head(key: string): Promise<{ readonly size: number; readonly etag: string | undefined }>;
  list(prefix: string): Promise<{ key: string; size: number; etag: string | undefined }[]>;
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

const seed = seedOfRun();
const random = randomFrom(seed);
const bodies: readonly (readonly [key: string, body: Uint8Array])[] = [
  ['plain', bytesFrom(random, 1_000)],
  ['empty', new Uint8Array()],
  ['one-mebibyte-and-one', bytesFrom(random, 1024 * 1024 + 1)],
  ...['a space', 'plus+sign', 'percent%41', 'ümlaut/ß', 'emoji-😀', "quote'", 'amp&lt;', 'dt=2024-01-01/part-0'].map(
    (key) => [key, new TextEncoder().encode(`I am ${key}`)] as const,
  ),
];

/** The minio client (8.0.7) decodes listed names twice, whoever wrote them: `%41` becomes `A`, `+` a space, `'` `&#39;`. */
const mislisted = (reader: string, key: string) => reader === 'the minio client' && /[%+']/.test(key);

const clients: Record<string, Client> = {};
const names = ['our lean wire', 'our sdk wire', 'the SDK', 'the minio client'];

beforeAll(async () => {
  const bucket = await freshBucket();
  clients['our lean wire'] = ours('lean', bucket);
  clients['our sdk wire'] = ours('sdk', bucket);
  clients['the SDK'] = theSdk(bucket);
  clients['the minio client'] = theMinioClient(bucket);
});
afterAll(async () => {
  await Promise.all(Object.values(clients).map((client) => client.close()));
});

describe.each(names)(`what %s writes (STEPASIDE_SEED=${seed})`, (writer) => {
  test.each(names.filter((name) => name !== writer))('%s reads, lists and removes', async (reader) => {
    const prefix = `${names.indexOf(writer)}-${names.indexOf(reader)}/`;
    const [from, to] = [clients[writer]!, clients[reader]!];
    for (const [key, body] of bodies) await from.put(prefix + key, body);
    const listed = await to.list(prefix);
    expect(listed).toHaveLength(bodies.length);
    const listable = bodies.map(([key]) => prefix + key).filter((key) => !mislisted(reader, key));
    expect(listed.map(({ key }) => key)).toEqual(expect.arrayContaining(listable));
    for (const [key, body] of bodies) {
      expectBytes(await to.get(prefix + key), body);
      const head = await to.head(prefix + key);
      expect(head).toEqual(await from.head(prefix + key));
      expect(head.size).toBe(body.length);
      if (!mislisted(reader, key))
        expect(listed.find((one) => one.key === prefix + key)).toEqual({ key: prefix + key, ...head });
      await to.remove(prefix + key);
    }
    expect(await from.list(prefix)).toEqual([]);
  });
});

function ours(wire: 'lean' | 'sdk', bucket: string): Client {
  const { endpoint, region, credentials } = rigServer();
  const store: Store = s3Store({ bucket, endpoint, region, credentials, wire, pathStyle: true });
  return {
    put: async (key, body) => void expect(await store.write(key, body)).toMatchObject({ written: true }),
    get: async (key) => await bytesOf((await store.read(key))!.body),
    head: async (key) => {
      const { size, etag } = (await store.head(key))!;
      return { size, etag };
    },
    list: async (prefix) => {
      const all = [];
      for await (const { key, size, etag } of store.list(prefix)) all.push({ key, size, etag });
      return all;
    },
    remove: (key) => store.remove(key),
    close: () => store.close(),
  };
}

function theSdk(bucket: string): Client {
  const witness = new Witness(rigServer(), bucket);
  return {
    put: async (key, body) => void (await witness.put(key, body)),
    get: async (key) => (await witness.get(key))!.body,
    head: async (key) => (await witness.head(key))!,
    list: (prefix) => witness.list(prefix),
    remove: (key) => witness.remove(key),
    close: async () => witness.close(),
  };
}

function theMinioClient(bucket: string): Client {
  const { endpoint, region, credentials } = rigServer();
  const url = new URL(endpoint);
  const client = new MinioClient({
    endPoint: url.hostname,
    port: Number(url.port),
    useSSL: url.protocol === 'https:',
    region,
    accessKey: credentials.accessKeyId,
    secretKey: credentials.secretAccessKey,
    pathStyle: true,
  });
  return {
    put: async (key, body) => void (await client.putObject(bucket, key, Buffer.from(body), body.length)),
    get: async (key) => await bytesOf(await client.getObject(bucket, key)),
    head: async (key) => {
      const { size, etag } = await client.statObject(bucket, key);
      return { size, etag: unquoted(etag) };
    },
    list: async (prefix) => {
      const all = [];
      for await (const item of client.listObjectsV2(bucket, prefix, true))
        all.push({ key: item.name as string, size: item.size as number, etag: unquoted(item.etag as string) });
      return all;
    },
    remove: (key) => client.removeObject(bucket, key),
    close: async () => {},
  };
}

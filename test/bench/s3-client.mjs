// node s3-client.mjs VERB BUCKET ...: the SDK as a user would write it, one client, 64 requests at once.
//   bucket                  waits for the server, and makes it
//   fill FILE, heads FILE   empty objects under the keys that the file names; whether they are there
//   upload FILE KEY         in parts of 8 MiB, four at once; upload-all FOLDER PREFIX: each file as an object
//   download FILE KEY       as one stream; download-all FOLDER PREFIX
import { createWriteStream, mkdirSync, promises, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

const [what, Bucket, file, name] = process.argv.slice(2);
const AT_ONCE = 64;
const PARTS_AT_ONCE = 4;
const PART = 8 * 2 ** 20;
const client = new S3Client({ forcePathStyle: true, requestHandler: { httpAgent: { maxSockets: AT_ONCE } } });

async function each(list, work, atOnce = AT_ONCE) {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let i = next++; i < list.length; i = next++) await work(list[i]);
    }),
  );
}

const keysIn = () => readFileSync(file, 'utf8').split('\n');

const VERBS = {
  async bucket() {
    for (let tries = 0; ; tries += 1) {
      try {
        return await client.send(new CreateBucketCommand({ Bucket }));
      } catch (error) {
        // The server is still starting.
        if (tries > 100) throw error;
        await wait(100);
      }
    }
  },
  async fill() {
    const Body = new Uint8Array();
    await each(keysIn(), (Key) => client.send(new PutObjectCommand({ Bucket, Key, Body })));
  },
  async heads() {
    let there = 0;
    await each(keysIn(), async (Key) => {
      await client.send(new HeadObjectCommand({ Bucket, Key }));
      there += 1;
    });
    console.log(`${there} there`);
  },
  async upload() {
    const at = { Bucket, Key: name };
    const { size } = statSync(file);
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    const numbers = Array.from({ length: Math.ceil(size / PART) }, (_, i) => i + 1);
    const handle = await promises.open(file, 'r');
    const Parts = [];
    const send = async (PartNumber) => {
      const Body = Buffer.alloc(Math.min(PART, size - (PartNumber - 1) * PART));
      await handle.read(Body, 0, Body.byteLength, (PartNumber - 1) * PART);
      const { ETag } = await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }));
      Parts[PartNumber - 1] = { PartNumber, ETag };
    };
    await each(numbers, send, PARTS_AT_ONCE);
    await handle.close();
    await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
  },
  async download() {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: name }));
    await pipeline(Body, createWriteStream(file));
  },
  async 'upload-all'() {
    const files = readdirSync(file, { recursive: true }).filter((path) => statSync(join(file, path)).isFile());
    await each(files, async (path) => {
      const Body = await promises.readFile(join(file, path));
      await client.send(new PutObjectCommand({ Bucket, Key: `${name}/${path}`, Body }));
    });
  },
  async 'download-all'() {
    const keys = [];
    for (let ContinuationToken; ; ) {
      const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: `${name}/`, ContinuationToken }));
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
      ContinuationToken = page.NextContinuationToken;
      if (!ContinuationToken) break;
    }
    const pathOf = (Key) => join(file, Key.slice(name.length + 1));
    for (const folder of new Set(keys.map((Key) => dirname(pathOf(Key))))) mkdirSync(folder, { recursive: true });
    await each(keys, async (Key) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      await promises.writeFile(pathOf(Key), await Body.transformToByteArray());
    });
  },
};

await VERBS[what]();
client.destroy();

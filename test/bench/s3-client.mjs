// node s3-client.mjs fill|heads BUCKET FILE: the SDK as a user would write it, one client, 64 requests at once.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const [what, Bucket, file] = process.argv.slice(2);
const AT_ONCE = 64;
const client = new S3Client({ forcePathStyle: true, requestHandler: { httpAgent: { maxSockets: AT_ONCE } } });
const keys = readFileSync(file, 'utf8').split('\n');
let next = 0;

async function each(work) {
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let i = next++; i < keys.length; i = next++) await work(keys[i]);
    }),
  );
}

if (what === 'fill') {
  for (let tries = 0; ; tries += 1) {
    try {
      await client.send(new CreateBucketCommand({ Bucket }));
      break;
    } catch (error) {
      // The server is still starting.
      if (tries > 100) throw error;
      await wait(100);
    }
  }
  const Body = new Uint8Array();
  await each((Key) => client.send(new PutObjectCommand({ Bucket, Key, Body })));
} else {
  let there = 0;
  await each(async (Key) => {
    await client.send(new HeadObjectCommand({ Bucket, Key }));
    there += 1;
  });
  console.log(`${there} there`);
}
client.destroy();

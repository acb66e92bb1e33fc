import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const [Bucket, size] = process.argv.slice(2);
const s3 = new S3Client({ forcePathStyle: true });
const Body = JSON.stringify({ size, trained: new Date() });
await s3.send(new PutObjectCommand({ Bucket, Key: 'model/weights.json', Body }));

import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { S3Facts } from './s3-server.js';

// The SDK warns about Node 20 on every import; the answer is known (DESIGN.md: pinned until 2027).
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

/** A plain SDK client: the judge of what is really on the server, so it shares no line with src/. */
export function sdkFor(facts: S3Facts): S3Client {
  return new S3Client({
    endpoint: facts.endpoint,
    region: facts.region,
    forcePathStyle: true,
    credentials: facts.credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

export async function sdkMakeBucket(facts: S3Facts, name: string, versioned = false): Promise<void> {
  const client = sdkFor(facts);
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }));
    if (versioned)
      await client.send(
        new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }),
      );
  } finally {
    client.destroy();
  }
}

export interface Truth {
  readonly size: number;
  readonly etag: string;
  readonly body: Uint8Array;
}

/** What is on the server, asked without any of our code. */
export class Witness {
  readonly client: S3Client;
  readonly bucket: string;
  constructor(facts: S3Facts, bucket: string) {
    this.client = sdkFor(facts);
    this.bucket = bucket;
  }
  async get(key: string): Promise<Truth | undefined> {
    try {
      const found = await this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
      const body = await found.Body!.transformToByteArray();
      return { size: body.length, etag: unquoted(found.ETag), body };
    } catch (error) {
      if ((error as { name?: string }).name === 'NoSuchKey') return undefined;
      throw error;
    }
  }
  async head(key: string): Promise<{ readonly size: number; readonly etag: string } | undefined> {
    try {
      const found = await this.client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }));
      return { size: found.ContentLength ?? -1, etag: unquoted(found.ETag) };
    } catch (error) {
      if ((error as { name?: string }).name === 'NotFound') return undefined;
      throw error;
    }
  }
  async put(key: string, body: Uint8Array, ifAbsent = false): Promise<string> {
    const put = await this.client.send(
      new PutObjectCommand({
        Bucket: this.bucket,
        Key: key,
        Body: body,
        ...(ifAbsent ? { IfNoneMatch: '*' } : {}),
      }),
    );
    return unquoted(put.ETag);
  }
  async remove(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }
  async list(prefix: string): Promise<{ key: string; size: number; etag: string }[]> {
    const all: { key: string; size: number; etag: string }[] = [];
    let token: string | undefined;
    do {
      const page = await this.client.send(
        new ListObjectsV2Command({ Bucket: this.bucket, Prefix: prefix, ContinuationToken: token }),
      );
      for (const one of page.Contents ?? [])
        all.push({ key: one.Key!, size: one.Size ?? -1, etag: unquoted(one.ETag) });
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return all;
  }
  async openUploads(prefix: string): Promise<readonly string[]> {
    const page = await this.client.send(new ListMultipartUploadsCommand({ Bucket: this.bucket, Prefix: prefix }));
    return (page.Uploads ?? []).map(({ Key }) => Key!);
  }
  close(): void {
    this.client.destroy();
  }
}

export function unquoted(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

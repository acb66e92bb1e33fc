import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from './credentials.js';

interface Unsigned {
  readonly method: string;
  /** Encoded, exactly as it is sent: S3 normalises nothing. */
  readonly path: string;
  /** Encoded and sorted. */
  readonly query: string;
  /** Names in lower case, `host` among them. All are signed, so that no proxy can drop a condition unnoticed. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hex. */
  readonly payload: string;
}

type Sign = (request: Unsigned, credentials: Credentials, now: number) => Record<string, string>;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
export function createSign(region: string): Sign {
  let cached: { readonly secret: string; readonly day: string; readonly key: Buffer } | undefined;
  function keyFor(secret: string, day: string): Buffer {
    if (cached?.secret !== secret || cached.day !== day) {
      const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`) as Buffer;
      cached = { secret, day, key };
    }
    return cached.key;
  }
  return ({ method, path, query, headers, payload }, credentials, now) => {
    const stamp = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '');
    const day = stamp.slice(0, 8);
    const all: Record<string, string> = { ...headers, 'x-amz-content-sha256': payload, 'x-amz-date': stamp };
    if (credentials.sessionToken) all['x-amz-security-token'] = credentials.sessionToken;
    const names = Object.keys(all).sort();
    const lines = names.map((name) => `${name}:${all[name]?.trim().replace(/ +/g, ' ')}\n`).join('');
    const signed = names.join(';');
    const canonical = [method, path, query, lines, signed, payload].join('\n');
    const scope = `${day}/${region}/s3/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`;
    const signature = hmac(keyFor(credentials.secretAccessKey, day), text).toString('hex');
    all['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${signed},Signature=${signature}`;
    return all;
  };
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

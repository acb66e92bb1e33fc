import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { S3Facts } from './s3-server.js';
import { sdkMakeBucket } from './sdk.js';

/** The run's real S3 server, as seen from a test file. */
export function rigServer(): S3Facts {
  return inject('s3');
}

/** A bucket nobody else uses. It is not removed: the server goes with the run. */
export async function freshBucket(options: { readonly versioned?: boolean } = {}): Promise<string> {
  const name = `stepaside-${randomBytes(6).toString('hex')}`;
  await sdkMakeBucket(rigServer(), name, options.versioned);
  return name;
}

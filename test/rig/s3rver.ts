import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Server } from './s3-server.js';

interface S3rverInstance {
  run(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
  use(middleware: (context: unknown, next: () => Promise<void>) => Promise<void>): unknown;
  httpServer: { closeAllConnections(): void };
}

/**
 * The server that ignores every condition and answers 200: the case a probe must find. Nothing else is tested on it.
 * Its names are fixed by itself (S3RVER). It checks no bucket-level signature, so buckets are made at start.
 */
export async function startS3rver(buckets: readonly string[]): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'stepaside-s3rver-'));
  const S3rver = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => S3rverInstance;
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory: folder,
    allowMismatchedSignatures: true,
    vhostBuckets: false,
    configureBuckets: buckets.map((name) => ({ name, configs: [] })),
  });
  const { port } = await server.run();
  let served = 0;
  (server.httpServer as unknown as NodeJS.EventEmitter).on('request', () => {
    served += 1;
  });
  return {
    name: 's3rver',
    version: '4.0.4',
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    counted: 'served',
    requests: () => served,
    makeBucket: async () => {
      throw new Error('s3rver makes its buckets at start');
    },
    stop: async () => {
      server.httpServer.closeAllConnections();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

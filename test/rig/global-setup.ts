import { setTimeout as wait } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import type { S3Facts } from './s3-server.js';
import { factsOf } from './s3-server.js';
import { startS3Server } from './s3-servers.js';

declare module 'vitest' {
  interface ProvidedContext {
    readonly s3: S3Facts;
  }
}

/** One real server for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const began = Date.now();
  const server = await startS3Server();
  console.log(`rig: ${server.name} ${server.version} at ${server.endpoint}, started in ${Date.now() - began} ms`);
  project.provide('s3', factsOf(server));
  return async () => {
    // Access logs are written a moment after the answers.
    await wait(500);
    console.log(`rig: ${server.name} ${server.version}: ${server.requests()} requests ${server.counted}`);
    await server.stop();
  };
}

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from './free-port.js';
import { Household } from './household.js';
import type { S3Server } from './s3-server.js';
import { sdkMakeBucket } from './sdk.js';
import { untilAnswers } from './until-answers.js';
import { findProgram } from './versitygw.js';

/** Somebody else's server that is right in sequence and wrong in races; only where it is installed (a Rust program). */
export function hasS3sFs(): boolean {
  return findProgram('s3s-fs') !== undefined;
}

export async function startS3sFs(): Promise<S3Server> {
  const home = await Household.begin('s3s-fs');
  try {
    const data = join(home.folder, 'data');
    await mkdir(data);
    const [port] = await freePorts(1);
    const account = ['--access-key', 'test', '--secret-key', 'testsecret'];
    home.start('s3s-fs', findProgram('s3s-fs')!, ['--host', '127.0.0.1', '--port', String(port), ...account, data]);
    const facts = {
      name: 's3s-fs',
      version: 'as installed',
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'testsecret' },
    };
    await untilAnswers(facts.endpoint, home);
    return {
      ...facts,
      counted: 'served',
      // It writes no access log, and nothing that is proved with it is counted in requests.
      requests: () => 0,
      makeBucket: (name) => sdkMakeBucket(facts, name),
      stop: () => home.end(),
    };
  } catch (error) {
    await home.end();
    throw error;
  }
}

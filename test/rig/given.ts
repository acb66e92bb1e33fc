import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NotHere, type S3Server } from './s3-server.js';
import { sdkMakeBucket } from './sdk.js';
import { untilAnswers } from './until-answers.js';

/**
 * A server that somebody else runs: STEPASIDE_TEST_S3=http://host:port, its account in STEPASIDE_TEST_S3_ACCESS_KEY and
 * STEPASIDE_TEST_S3_SECRET_KEY (default test/testsecret), STEPASIDE_TEST_S3_REGION. Buckets are made, and stay.
 */
export async function startGiven(): Promise<S3Server> {
  const endpoint = (process.env['STEPASIDE_TEST_S3'] ?? '').replace(/\/$/, '');
  if (endpoint === '') throw new NotHere('STEPASIDE_TEST_S3 is not set');
  if (endpoint.startsWith('http:')) await untilAnswers(endpoint, undefined, 10);
  const facts = {
    name: 'given',
    version: await saysOfItself(endpoint),
    endpoint,
    region: process.env['STEPASIDE_TEST_S3_REGION'] ?? 'us-east-1',
    credentials: {
      accessKeyId: process.env['STEPASIDE_TEST_S3_ACCESS_KEY'] ?? 'test',
      secretAccessKey: process.env['STEPASIDE_TEST_S3_SECRET_KEY'] ?? 'testsecret',
    },
  };
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-sent-'));
  // Workers inherit it: see count-sent.ts.
  process.env['STEPASIDE_COUNT_SENT'] = folder;
  return {
    ...facts,
    counted: 'sent',
    requests: () =>
      readdirSync(folder).reduce((sum, name) => sum + Number(readFileSync(join(folder, name), 'utf8')), 0),
    makeBucket: (name, { versioned = false } = {}) => sdkMakeBucket(facts, name, versioned),
    stop: async () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The `Server` header, which tells versitygw (see conformance/server-differences.ts) from the rest. */
async function saysOfItself(endpoint: string): Promise<string> {
  const answer = await fetch(endpoint);
  await answer.body?.cancel();
  return answer.headers.get('server') ?? 'of unknown make';
}

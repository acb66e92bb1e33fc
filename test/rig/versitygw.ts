import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-port.js';
import { Household, scrubbedEnv } from './household.js';
import { NotHere, type S3Server } from './s3-server.js';
import { sdkMakeBucket } from './sdk.js';
import { untilAnswers } from './until-answers.js';

const run = promisify(execFile);

export interface VersitygwOptions {
  /**
   * On for the run's own server, so that pooled connections are used. Without it (the server's default) the gateway
   * closes at once after an early 412, which is how most users meet it: see servers.test.ts.
   */
  readonly keepAlive?: boolean;
  /** Where its buckets lie, each a folder of plain files: a million objects are made faster by hand. */
  readonly data?: string;
}

export async function startVersitygw(options: VersitygwOptions = {}): Promise<S3Server> {
  const program = findProgram('versitygw');
  if (program === undefined)
    throw new NotHere(
      'versitygw is not on PATH (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 builds it)',
    );
  const home = await Household.begin('versitygw');
  try {
    const [own, iam, versions] = await Promise.all(
      ['data', 'iam', 'versions'].map(async (name) => {
        const folder = join(home.folder, name);
        await mkdir(folder);
        return folder;
      }),
    );
    const [port] = await freePorts(1);
    const log = join(home.folder, 'access.log');
    home.start(
      'versitygw',
      program,
      [
        '--quiet',
        ...(options.keepAlive === false ? [] : ['--keep-alive']),
        ...['--port', `127.0.0.1:${port}`, '--access-log', log, '--iam-dir', iam!],
        ...['posix', '--versioning-dir', versions!, options.data ?? own!],
      ],
      { ROOT_ACCESS_KEY: 'test', ROOT_SECRET_KEY: 'testsecret' },
    );
    const facts = {
      name: 'versitygw',
      version: await versionOf(program),
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'testsecret' },
    };
    await untilAnswers(facts.endpoint, home);
    const stranger = { credentials: { accessKeyId: 'other', secretAccessKey: 'othersecret' }, principal: 'other' };
    await run(
      program,
      [
        ...['admin', '--access', 'test', '--secret', 'testsecret', '--endpoint-url', facts.endpoint],
        ...['create-user', '--access', 'other', '--secret', 'othersecret', '--role', 'user'],
      ],
      { env: scrubbedEnv() },
    );
    const before = linesIn(log);
    return {
      ...facts,
      stranger,
      counted: 'served',
      requests: () => linesIn(log) - before,
      makeBucket: (name, { versioned = false } = {}) => sdkMakeBucket(facts, name, versioned),
      stop: () => home.end(),
    };
  } catch (error) {
    await home.end();
    throw error;
  }
}

export function findProgram(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path) && statSync(path).isFile());
}

export function linesIn(path: string): number {
  if (!existsSync(path)) return 0;
  let lines = 0;
  for (const byte of readFileSync(path)) if (byte === 10) lines += 1;
  return lines;
}

/** `go install` leaves the version in the build facts, not in `--version`. */
async function versionOf(program: string): Promise<string> {
  try {
    const { stdout } = await run('go', ['version', '-m', program]);
    const found = /^\s*mod\s+\S+\s+(\S+)/m.exec(stdout)?.[1];
    if (found !== undefined) return found;
  } catch {
    // no Go here: the program was copied in
  }
  const { stdout } = await run(program, ['--version']);
  return /Version\s*:\s*(\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

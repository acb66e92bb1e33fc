// A server of our own; and P4 to P6: what lies in it for them, and who asks for it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, howToGet, versionOf } from './peers.mjs';

/** The SDK: for us, and as a contestant. */
export const SCRIPT = fileURLToPath(new URL('s3-client.mjs', import.meta.url));
/** What Node itself and the server take. */
export const BARE_SCRIPT = fileURLToPath(new URL('bare-client.cjs', import.meta.url));
const ACCOUNT = { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'benchsecret', AWS_REGION: 'us-east-1' };
export const BUCKET = 'bench';
/** Strewn so thinly that a listing does not pay: see BREAK_EVEN in src/look/planner.ts. */
const AMONG = 40;

/** A server with one empty bucket, its data below `folder`: its environment, or why there is none. */
export async function startS3(folder, env) {
  const program = findProgram('versitygw', env.PATH);
  if (!program)
    return {
      missing: 'no S3 server: versitygw is not on PATH (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)',
      stop() {},
    };
  const [data, iam] = ['data', 'iam'].map((name) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  });
  const port = await freePort();
  const words = ['--quiet', '--keep-alive', '--port', `127.0.0.1:${port}`, '--iam-dir', iam, 'posix', data];
  const account = { ROOT_ACCESS_KEY: ACCOUNT.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: ACCOUNT.AWS_SECRET_ACCESS_KEY };
  const server = spawn(program, words, { env: { ...env, ...account }, stdio: 'ignore' });
  const stop = () => server.kill();
  const endpoint = `http://127.0.0.1:${port}`;
  const own = { ...ACCOUNT, AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_S3: endpoint, S3_ENDPOINT_URL: endpoint };
  try {
    execFileSync(process.execPath, [SCRIPT, 'bucket', BUCKET], { env: { ...env, ...own }, stdio: ['ignore', 2, 2] });
  } catch (error) {
    stop();
    return { missing: `the S3 server did not start: ${error.message}`, stop() {} };
  }
  return { own, data, stop };
}

/** What P4 to P6 look for, and what lies among it. */
export function fillS3(server, { folder, steps, env, say }) {
  if (server.missing) return server;
  const keys = {
    shared: Array.from({ length: 2 * steps }, (_, i) => `raw/dt=${dayOf(i)}/_SUCCESS`),
    strewn: Array.from({ length: AMONG * Math.ceil(steps / 2) }, (_, i) => `pool/${hashOf(i)}`),
  };
  const wanted = keys.strewn.filter((_, i) => i % AMONG === 0);
  const [shared, strewn, all] = [
    ['shared', keys.shared],
    ['strewn', wanted],
    ['all', [...keys.shared, ...keys.strewn]],
  ].map(([name, list]) => {
    const file = join(folder, name);
    writeFileSync(file, list.join('\n'));
    return file;
  });
  say(`${keys.shared.length + keys.strewn.length} objects for P4 to P6`);
  execFileSync(process.execPath, [SCRIPT, 'fill', BUCKET, all], {
    env: { ...env, ...server.own },
    stdio: ['ignore', 2, 2],
  });
  return { ...server, shared: { file: shared, keys: keys.shared }, strewn: { file: strewn, keys: wanted } };
}

/** As rclone is told of it. */
export const remoteOf = (server) => ({
  RCLONE_CONFIG_B_TYPE: 's3',
  RCLONE_CONFIG_B_PROVIDER: 'Other',
  RCLONE_CONFIG_B_ENV_AUTH: 'true',
  RCLONE_CONFIG_B_ENDPOINT: server.own.AWS_ENDPOINT_URL,
  RCLONE_CONFIG_B_REGION: ACCOUNT.AWS_REGION,
});

/** The contestants of P4, P5 and P6, as those of P1. */
export function s3Contestants(server, { command, version, cwd, env }) {
  const path = env.PATH;
  const uri = (key) => `s3://${BUCKET}/${key}`;
  const base = { cwd, env: server.own, outputs: [] };
  const present = (count) => (text) => (text.match(/^present /gm) ?? []).length === count;
  const lines = (count) => (text) => (text.match(/_SUCCESS$/gm) ?? []).length === count;
  const check = (keys) => ({
    ...base,
    name: 'stepaside',
    version,
    command: [command, 'check', ...keys.map(uri)],
    proof: present(keys.length),
    proven: `${keys.length} present`,
  });
  const peer = (name, program, words, more) => {
    const found = findProgram(program, path);
    if (!found) return { name, missing: howToGet(program) };
    return {
      ...base,
      name,
      version: versionOf(found, program === 'aws' ? undefined : ['version']),
      command: [found, ...words],
      ...more,
    };
  };
  const heads = ({ file, keys }) => ({
    ...base,
    name: 'SDK HEADs',
    version: process.version,
    command: [process.execPath, SCRIPT, 'heads', BUCKET, file],
    proof: (text) => text.includes(`${keys.length} there`),
    proven: `${keys.length} there`,
  });
  const bare = (words, proof, proven) => ({
    ...base,
    name: 'bare Node',
    version: process.version,
    command: [process.execPath, BARE_SCRIPT, words[0], BUCKET, ...words.slice(1)],
    proof,
    proven,
  });
  if (server.missing) {
    const gone = (name) => ({ name, missing: server.missing });
    return {
      p4: ['stepaside', 'aws s3api head-object', 'stepaside, SDK wire', 's5cmd head', 'bare Node'].map(gone),
      p5: ['stepaside', 'rclone lsf', 's5cmd ls', 'SDK HEADs', 'bare Node'].map(gone),
      p6: ['stepaside', 'SDK HEADs'].map(gone),
    };
  }
  const { shared, strewn } = server;
  const [one] = shared.keys;
  return {
    p4: [
      check([one]),
      peer('aws s3api head-object', 'aws', ['s3api', 'head-object', '--bucket', BUCKET, '--key', one], {
        proof: (text) => text.includes('"ContentLength": 0'),
        proven: 'ContentLength',
      }),
      { ...check([one]), name: 'stepaside, SDK wire', env: { ...server.own, STEPASIDE_S3: 'sdk' } },
      peer('s5cmd head', 's5cmd', ['head', uri(one)], { proof: (text) => text.includes(one), proven: 'the key' }),
      bare(['head', one], (text) => text.includes(`${one} is there`), 'the key'),
    ],
    p5: [
      check(shared.keys),
      peer('rclone lsf', 'rclone', ['lsf', '-R', '--files-only', `b:${BUCKET}/raw`], {
        env: { ...server.own, ...remoteOf(server) },
        proof: lines(shared.keys.length),
        proven: `${shared.keys.length} lines`,
      }),
      peer('s5cmd ls', 's5cmd', ['ls', `s3://${BUCKET}/raw/*`], {
        proof: lines(shared.keys.length),
        proven: `${shared.keys.length} lines`,
      }),
      heads(shared),
      bare(['list', 'raw/', ...pageEnds(shared.keys)], lines(shared.keys.length), `${shared.keys.length} lines`),
    ],
    p6: [check(strewn.keys), heads(strewn)],
  };
}

/** How many requests `check` sends for all of them: it says so itself, under -v. */
export function requestsOf({ command, cwd, env: own }, env) {
  const { stderr } = spawnSync(command[0], [...command.slice(1), '--verbose'], {
    cwd,
    env: { ...env, ...own },
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return Number(/: (\d+) requests? \(/.exec(stderr)?.[1]);
}

/** After which keys the second page begins, and those after it. */
const pageEnds = (keys) => keys.filter((_, i) => i % 1000 === 999 && i < keys.length - 1);
const dayOf = (i) => new Date(Date.UTC(2000, 0, 1 + i)).toISOString().slice(0, 10);
const hashOf = (i) => (Math.imul(i, 2654435761) >>> 0).toString(16).padStart(8, '0');

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

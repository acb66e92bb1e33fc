// P14 to P17: to S3 and back. Ours stores an artifact in a cache there; the peers send the same files as objects.
import { rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { archive } from './archives.mjs';
import { ingest, restored } from './artifacts.mjs';
import { findProgram, howToGet, versionOf } from './peers.mjs';
import { BARE_SCRIPT, BUCKET, remoteOf, SCRIPT } from './s3.mjs';
import { digestOf, fileSource, holdsArtifact, treeSource } from './sources.mjs';

const CLIENTS = ['s5cmd', 'aws s3 cp', 'aws s3 cp, tuned', 'rclone', 'rclone, tuned', 'SDK'];
const BARE = 'bare Node';
const ALL = { one: ['stepaside', 'curl', ...CLIENTS], many: ['stepaside', ...CLIENTS] };

export const S3_GROUPS = {
  P14: (about) => sided(about, 'P14', 'one', ingest),
  P15: (about) => sided(about, 'P15', 'one', restored, [BARE]),
  P16: (about) => sided(about, 'P16', 'many', ingest),
  P17: (about) => sided(about, 'P17', 'many', restored),
};

/** In memory where there is room: what is asked is what the clients can do, not the disk of this machine. */
async function sided(about, id, how, act, more = []) {
  const names = [...ALL[how], ...more];
  const server = await about.s3();
  if (server.missing) return names.map((name) => ({ name, missing: server.missing }));
  const folder = join(about.memory.folder ?? about.work, id);
  const { object, objects } = about.sizes;
  const source =
    how === 'one' ? fileSource(join(folder, 'source'), object) : treeSource(join(folder, 'source'), objects);
  return names.map((name) => {
    // Nobody finds what another one sent.
    const prefix = `${id}/${name.replaceAll(/\W+/g, '-')}`;
    const place = { ...about, at: join(folder, name), source, server, prefix };
    return act(name === 'stepaside' ? ours(name, place) : client(name, place), about.env, source);
  });
}

/** The same commands as on a disk, with the cache on S3. */
function ours(name, place) {
  const { server, prefix, source } = place;
  const one = archive(name, place);
  const cached = ({ words, cwd }) => ({ words: [...words, '--cache', `s3://${BUCKET}/${prefix}/`], cwd });
  const kept = join(server.data, BUCKET, prefix);
  return {
    ...one,
    env: server.own,
    put: cached(one.put),
    get: (where) => cached(one.get(where)),
    wipe: () => rmSync(kept, { recursive: true, force: true }),
    holds: (text) => holdsArtifact(kept, source, text),
  };
}

/** A client that sends and fetches objects: `big.bin`, or a tree of them. */
function client(name, place) {
  const { at, source, server, prefix, env } = place;
  const [program] = name.split(/[ ,]/);
  const found = ['SDK', 'bare'].includes(program) ? process.execPath : findProgram(program, env.PATH);
  if (!found) return { name, missing: howToGet(program) };
  // A gateway before a file system: its objects are files, and can be looked at without asking anybody.
  const kept = join(server.data, BUCKET, prefix);
  const key = `${prefix}/${basename(source.path)}`;
  const about = { ...place, name, found, key, uri: `s3://${BUCKET}/${source.kind === 'file' ? key : `${prefix}/`}` };
  const { to, from, own = {}, setUp = () => {}, version } = CALLS[program](about);
  const out = `${at}-out`;
  return {
    name,
    version: version ?? versionOf(found, VERSION_WORDS[program]),
    env: { ...server.own, ...own },
    at,
    out,
    empty: setUp,
    put: { words: [found, ...to], cwd: at },
    get: () => ({ words: [found, ...from(source.kind === 'file' ? join(out, basename(source.path)) : out)], cwd: at }),
    wipe: () => rmSync(kept, { recursive: true, force: true }),
    holds: () => digestOf(kept) === source.digest,
    proven: 'the same SHA-256 of what the server has',
  };
}

const VERSION_WORDS = { s5cmd: ['version'], rclone: ['version'] };

const CALLS = { s5cmd, aws, rclone, curl, SDK: sdk, bare };

function s5cmd({ source, uri }) {
  return source.kind === 'file'
    ? { to: ['cp', source.path, uri], from: (out) => ['cp', uri, out] }
    : { to: ['cp', `${source.path}/`, uri], from: (out) => ['cp', `${uri}*`, `${out}/`] };
}

/** Tuned: larger parts, more of them at once, and no second checksum. */
function aws({ name, at, source, uri }) {
  const config = join(at, 'config');
  const tuned = '  max_concurrent_requests = 32\n  multipart_chunksize = 32MB\n  multipart_threshold = 32MB\n';
  const when = { AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required', AWS_RESPONSE_CHECKSUM_VALIDATION: 'when_required' };
  const isTuned = name.endsWith('tuned');
  const words = ['s3', 'cp', '--only-show-errors', ...(source.kind === 'tree' ? ['--recursive'] : [])];
  return {
    own: { AWS_CONFIG_FILE: config, AWS_EC2_METADATA_DISABLED: 'true', ...(isTuned && when) },
    setUp: () => writeFileSync(config, `[default]\ns3 =\n  addressing_style = path\n${isTuned ? tuned : ''}`),
    to: [...words, source.path, uri],
    from: (out) => [...words, uri, out],
  };
}

/** Tuned: for one object four parts at once and no MD5 before it; for many, 32 at once and no HEAD after each. */
function rclone({ name, source, server, prefix, key }) {
  const isOne = source.kind === 'file';
  const [verb, remote] = isOne ? ['copyto', `b:${BUCKET}/${key}`] : ['copy', `b:${BUCKET}/${prefix}`];
  const parts = ['--s3-chunk-size', '32M', '--s3-upload-concurrency', '4', '--s3-disable-checksum'];
  const streams = ['--multi-thread-streams', '4', '--ignore-checksum'];
  const many = ['--transfers', '32', '--checkers', '32'];
  const tuned = name.endsWith('tuned');
  return {
    own: remoteOf(server),
    to: [
      verb,
      source.path,
      remote,
      '--s3-no-check-bucket',
      ...(tuned ? (isOne ? parts : [...many, '--s3-no-head', '--ignore-times']) : []),
    ],
    from: (out) => [verb, remote, out, ...(tuned ? (isOne ? streams : many) : [])],
  };
}

/** One stream, and nothing is hashed: as fast as one connection can be. */
function curl({ server, source, key }) {
  const {
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: url,
  } = server.own;
  const signed = [
    '--silent',
    '--show-error',
    '--fail',
    '--aws-sigv4',
    `aws:amz:${region}:s3`,
    '--user',
    `${id}:${secret}`,
  ];
  const words = [...signed, '--header', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'];
  const object = `${url}/${BUCKET}/${key}`;
  return { to: [...words, '--upload-file', source.path, object], from: (out) => [...words, '--output', out, object] };
}

function sdk({ source, prefix, key }) {
  const [verb, name] = source.kind === 'file' ? ['', key] : ['-all', prefix];
  return {
    version: process.version,
    to: [SCRIPT, `upload${verb}`, BUCKET, source.path, name],
    from: (out) => [SCRIPT, `download${verb}`, BUCKET, out, name],
  };
}

/** Put by the SDK. */
function bare({ source, key, ...place }) {
  const { to, version } = sdk({ source, key, ...place });
  return { version, to, from: (out) => [BARE_SCRIPT, 'get', BUCKET, key, out, String(source.bytes)] };
}

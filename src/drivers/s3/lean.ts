import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { escapeKey, formatQuery, hostHeader } from './address.js';
import { collect } from './body.js';
import type { CredentialSource } from './credentials.js';
import { pageOfUploads } from './page.js';
import { readPage } from './scan-page.js';
import type { Settings } from './settings.js';
import { createSign, sha256 } from './sign.js';
import { createTransport } from './transport.js';
import type { Answer, BodyAnswer, SendOptions, Wire } from './wire.js';
import { escapeXml, parseXml } from './xml.js';

const EMPTY = sha256('');
const UNSIGNED = 'UNSIGNED-PAYLOAD';
const LARGE = 2 ** 20;
const CRC = 'x-amz-checksum-crc32';
const NOTHING = new Uint8Array();

interface Ask {
  readonly method: 'HEAD' | 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly key?: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** Our own wire: a fifth of the SDK's CPU a request, and nothing to load. */
export function leanWire(settings: Settings, credentials: CredentialSource): Wire {
  const { address, timeouts } = settings;
  const transport = createTransport(settings);
  const sign = createSign(settings.region);
  const fixed = {
    host: hostHeader(address),
    'user-agent': 'stepaside',
    ...(settings.requesterPays ? { 'x-amz-request-payer': 'requester' } : {}),
  };

  /** Policies of buckets can refuse bodies that are not signed. */
  let signsAll = false;

  async function send(what: Ask, options: SendOptions): Promise<IncomingMessage> {
    const { headers, body } = what;
    if (body === undefined) return sendAs(EMPTY, what, options);
    if (signsAll || !isBound(headers, body)) return sendAs(sha256(body), what, options);
    const response = await sendAs(UNSIGNED, what, options);
    if (response.statusCode !== 403) return response;
    await ended(response.resume());
    signsAll = true;
    return sendAs(sha256(body), what, options);
  }
  async function sendAs(payload: string, { method, key, query = {}, headers, body }: Ask, { signal }: SendOptions) {
    const path = `${address.root}/${key === undefined ? '' : escapeKey(key)}`;
    const text = formatQuery(query);
    const unsigned = { method, path, query: text, headers: { ...fixed, ...headers }, payload };
    const signed = sign(unsigned, await credentials.get(signal), settings.now());
    if (body) signed['content-length'] = String(body.byteLength);
    return transport.send({ method, path: text ? `${path}?${text}` : path, headers: signed, body, signal });
  }
  async function whole(response: IncomingMessage): Promise<Answer> {
    const body = await collect(response, timeouts.idleMs, timeouts.totalMs);
    return { ...headOf(response), body };
  }
  async function ask(what: Ask, options: SendOptions): Promise<Answer> {
    return whole(await send(what, options));
  }

  /** `unknown` until a server has given back the CRC-32 that it computed itself, or has shown that it knows none. */
  let crcs: 'unknown' | 'checked' | 'not' = 'unknown';

  /** MD5 takes longer than all else of an upload, and a CRC next to nothing: where the server is known to check it, it does. */
  async function putNamed(what: Ask & { readonly body: Uint8Array }, options: SendOptions): Promise<Answer> {
    const crc = { [CRC]: crcOf(what.body) };
    const by = (checks: Record<string, string>) => ask({ ...what, headers: { ...what.headers, ...checks } }, options);
    if (crcs === 'checked') {
      const answer = await by(crc);
      if (answer.status !== 200 || answer.headers[CRC] === crc[CRC]) return answer;
      // Another server behind the same name took it unchecked.
      crcs = 'not';
    }
    if (crcs === 'unknown') {
      const answer = await by({ ...checksum(what.body), ...crc });
      if (answer.status === 200) crcs = answer.headers[CRC] === crc[CRC] ? 'checked' : 'not';
      if (answer.status !== 400 && answer.status !== 501) return answer;
      crcs = 'not';
    }
    return by(checksum(what.body));
  }

  return {
    async head(key, options) {
      const response = await send({ method: 'HEAD', key }, options);
      // It has no body; once it has ended, the next request finds its connection free.
      await ended(response.resume());
      return { ...headOf(response), body: NOTHING };
    },
    async get(key, range, options): Promise<BodyAnswer> {
      const response = await send({ method: 'GET', key, headers: range ? { range } : {} }, options);
      const head = headOf(response);
      if (head.status !== 200 && head.status !== 206) return whole(response);
      return { ...head, body: NOTHING, stream: response };
    },
    async list({ prefix, maxKeys, startAfter, token }, options) {
      const query = {
        'list-type': '2',
        // Keys may hold what XML cannot.
        'encoding-type': 'url',
        'max-keys': String(maxKeys),
        prefix,
        'start-after': startAfter,
        'continuation-token': token,
      };
      // Only AWS is known to take it; without it a restored object looks archived in lists.
      const headers: Record<string, string> = settings.custom
        ? {}
        : { 'x-amz-optional-object-attributes': 'RestoreStatus' };
      const answer = await ask({ method: 'GET', query, headers }, options);
      return { ...answer, page: answer.status === 200 ? readPage(answer.body) : undefined };
    },
    put(key, { body, ifAbsent, namedByDigest }, options) {
      const headers = { 'content-type': 'application/octet-stream', ...(ifAbsent ? { 'if-none-match': '*' } : {}) };
      const what = { method: 'PUT', key, headers, body } as const;
      return namedByDigest && !ifAbsent && body.byteLength >= LARGE
        ? putNamed(what, options)
        : ask({ ...what, headers: { ...headers, ...checksum(body) } }, options);
    },
    remove: (key, options) => ask({ method: 'DELETE', key }, options),
    begin: (key, options) =>
      ask(
        { method: 'POST', key, query: { uploads: '' }, headers: { 'content-type': 'application/octet-stream' } },
        options,
      ),
    part: (key, { upload, number, body }, options) =>
      ask(
        {
          method: 'PUT',
          key,
          query: { partNumber: String(number), uploadId: upload },
          headers: checksum(body),
          body,
        },
        options,
      ),
    complete: (key, upload, tags, options) =>
      ask(
        {
          method: 'POST',
          key,
          query: { uploadId: upload },
          headers: { 'content-type': 'application/xml' },
          body: new TextEncoder().encode(partsXml(tags)),
        },
        options,
      ),
    abort: (key, upload, options) => ask({ method: 'DELETE', key, query: { uploadId: upload } }, options),
    async uploads({ prefix, keyMarker, idMarker }, options) {
      const query = {
        uploads: '',
        prefix,
        'key-marker': keyMarker,
        'upload-id-marker': idMarker,
      };
      const answer = await ask({ method: 'GET', query }, options);
      return { ...answer, page: answer.status === 200 ? pageOfUploads(parseXml(answer.body)) : undefined };
    },
    close: () => transport.close(),
  };
}

/**
 * Of a large body the signature covers its MD5, among the headers: nobody on the way can put another body in its place. Its
 * SHA-256 besides, by both sides, is a third of what an upload costs. A CRC-32 binds nobody who means harm, and is sent
 * alone only for what its readers know by its digest.
 */
function isBound(headers: Ask['headers'], body: Uint8Array): boolean {
  return body.byteLength >= LARGE && (headers?.['content-md5'] !== undefined || headers?.[CRC] !== undefined);
}

function crcOf(body: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}

/** The one checksum that every server found verifies. */
function checksum(body: Uint8Array): Record<string, string> {
  return { 'content-md5': createHash('md5').update(body).digest('base64') };
}

function partsXml(tags: readonly string[]): string {
  const part = (tag: string, i: number) =>
    `<Part><PartNumber>${i + 1}</PartNumber><ETag>&quot;${escapeXml(tag)}&quot;</ETag></Part>`;
  const space = 'http://s3.amazonaws.com/doc/2006-03-01/';
  return `<CompleteMultipartUpload xmlns="${space}">${tags.map(part).join('')}</CompleteMultipartUpload>`;
}

/** However it ends: what it had to say came with its head. */
function ended(response: IncomingMessage): Promise<void> {
  return new Promise((done) => {
    for (const event of ['end', 'error', 'close']) response.once(event, () => done());
  });
}

function headOf(response: IncomingMessage): Omit<Answer, 'body'> {
  return { status: response.statusCode ?? 0, headers: response.headers as Answer['headers'] };
}

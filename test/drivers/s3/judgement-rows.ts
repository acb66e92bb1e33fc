import type { S3Options } from '../../../src/drivers/s3/settings.js';
import { type Asked, complaint, EMPTY_LIST, isList, OBJECT, type Reply } from './scripted-server.js';

export const NOW = Date.UTC(2026, 0, 1);
const HTML = { headers: { 'content-type': 'text/html' }, body: '<!DOCTYPE html><html><body>Log in</body></html>' };

export type Act = 'head' | 'read' | 'list' | 'write' | 'claim' | 'remove' | 'uploads';
export interface Row {
  readonly name: string;
  readonly act: Act;
  readonly reply: (asked: Asked) => Reply;
  /** A StoreCode, or the value that comes back. */
  readonly code?: string;
  readonly value?: unknown;
  readonly facts?: object;
  readonly says?: RegExp;
  readonly hint?: RegExp;
  readonly options?: Partial<S3Options>;
}

/** HEAD has no body: the same status for HEAD, the reason for GET. */
const forbidden =
  (status: number, code: string, more = '', headers = {}) =>
  (): Reply => ({
    status,
    headers,
    body: complaint(code, more),
  });
const onHead = (reply: Reply, otherwise: Reply) => (asked: Asked) => (asked.method === 'HEAD' ? reply : otherwise);
const missing =
  (list: Reply, get: Reply = {}) =>
  (asked: Asked) =>
    asked.method === 'HEAD' ? { status: 404 } : isList(asked) ? list : get;
const found =
  (headers: Record<string, string>, status = 200) =>
  () => ({ status, headers: { ...OBJECT, ...headers } });
const head = { key: 'k', size: 0, etag: 'abc', modifiedAt: Date.UTC(2024, 0, 1) };
const NO_SUCH_KEY = { status: 404, body: complaint('NoSuchKey') };
const NO_BUCKET = { status: 404, body: complaint('NoSuchBucket') };

export const rows: readonly Row[] = [
  // What is there.
  { name: 'an object', act: 'head', reply: found({}), value: head },
  { name: 'an ETag without quotes', act: 'head', reply: found({ etag: 'abc' }), value: head },
  { name: 'a weak ETag', act: 'head', reply: found({ etag: 'W/"abc"' }), value: head },
  { name: 'a version', act: 'head', reply: found({ 'x-amz-version-id': 'v1' }), value: { ...head, versionId: 'v1' } },
  ...[
    ['GLACIER', {}, true],
    ['DEEP_ARCHIVE', {}, true],
    ['GLACIER_IR', {}, false],
    ['STANDARD_IA', {}, false],
    ['GLACIER', { 'x-amz-restore': 'ongoing-request="true"' }, true],
    ['GLACIER', { 'x-amz-restore': 'ongoing-request="false", expiry-date="Fri, 23 Dec 2033 00:00:00 GMT"' }, false],
    ['INTELLIGENT_TIERING', {}, false],
    ['INTELLIGENT_TIERING', { 'x-amz-archive-status': 'ARCHIVE_ACCESS' }, true],
  ].map(
    ([storageClass, headers, archived]): Row => ({
      name: `class ${storageClass} ${JSON.stringify(headers)}`,
      act: 'head',
      reply: found({ 'x-amz-storage-class': storageClass as string, ...(headers as object) }),
      value: { ...head, storageClass, ...(archived ? { archived } : {}) },
    }),
  ),
  // What cannot be an answer.
  {
    name: 'HEAD without ETag',
    act: 'head',
    reply: () => ({ headers: { 'last-modified': OBJECT['last-modified'] } }),
    code: 'store/bad-answer',
    says: /ETag/,
  },
  { name: 'HEAD without time', act: 'head', reply: () => ({ headers: { etag: '"a"' } }), code: 'store/bad-answer' },
  {
    name: 'HEAD without length',
    act: 'head',
    reply: () => ({
      take: (socket) =>
        socket.end(
          'HTTP/1.1 200 OK\r\nETag: "a"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: close\r\n\r\n',
        ),
    }),
    code: 'store/bad-answer',
    says: /length/,
  },
  { name: 'a captive portal, HEAD', act: 'head', reply: () => HTML, code: 'store/bad-answer' },
  { name: 'a captive portal, GET', act: 'read', reply: () => HTML, code: 'store/bad-answer' },
  { name: 'a captive portal, LIST', act: 'list', reply: () => HTML, code: 'store/bad-answer' },
  {
    name: 'a captive portal, PUT',
    act: 'write',
    reply: (asked) => (isList(asked) ? { body: EMPTY_LIST } : HTML),
    code: 'store/bad-answer',
    facts: { unclear: true },
  },
  {
    name: 'a captive portal, DELETE',
    act: 'remove',
    reply: () => HTML,
    code: 'store/bad-answer',
    facts: { unclear: true },
  },
  {
    name: 'a redirect to a portal',
    act: 'read',
    reply: () => ({ status: 302, headers: { location: 'https://portal.example/login?x' } }),
    code: 'store/bad-answer',
    says: /portal\.example/,
  },
  { name: 'a web page 404, GET', act: 'read', reply: () => ({ ...HTML, status: 404 }), code: 'store/bad-answer' },
  {
    name: 'other bytes than asked for',
    act: 'read',
    reply: () => ({ status: 206, headers: { ...OBJECT, 'content-range': 'bytes 5-6/9' }, body: 'xy' }),
    code: 'store/bad-answer',
  },
  // Absence.
  { name: 'absent', act: 'head', reply: missing({ body: EMPTY_LIST }), value: undefined },
  {
    name: 'absent, GET',
    act: 'read',
    reply: (asked) => (isList(asked) ? { body: EMPTY_LIST } : NO_SUCH_KEY),
    value: undefined,
  },
  {
    name: 'a delete marker',
    act: 'head',
    reply: () => ({ status: 404, headers: { 'x-amz-delete-marker': 'true' } }),
    value: undefined,
  },
  { name: 'no bucket', act: 'head', reply: missing(NO_BUCKET), code: 'store/no-bucket', says: /bucket/ },
  { name: 'no bucket, GET', act: 'read', reply: () => NO_BUCKET, code: 'store/no-bucket', says: /bucket/ },
  { name: 'no bucket, LIST', act: 'list', reply: () => NO_BUCKET, code: 'store/no-bucket', says: /bucket/ },
  {
    name: 'no bucket, PUT',
    act: 'write',
    reply: (asked) => (isList(asked) ? NO_BUCKET : { headers: OBJECT }),
    code: 'store/no-bucket',
  },
  { name: 'no bucket, DELETE', act: 'remove', reply: () => NO_BUCKET, code: 'store/no-bucket' },
  {
    name: '404, LIST denied, NoSuchKey',
    act: 'head',
    reply: missing({ status: 403, body: complaint('AccessDenied') }, NO_SUCH_KEY),
    value: undefined,
  },
  {
    name: '404, LIST denied, NoSuchBucket',
    act: 'head',
    reply: missing({ status: 403, body: complaint('AccessDenied') }, NO_BUCKET),
    code: 'store/no-bucket',
  },
  { name: '404, LIST a web page', act: 'head', reply: missing(HTML), code: 'store/bad-answer' },
  {
    name: '404, LIST overloaded',
    act: 'head',
    reply: missing({ status: 503, body: complaint('SlowDown') }),
    code: 'store/unavailable',
  },
  {
    name: '404 for an unknown user',
    act: 'head',
    reply: missing({ status: 404, body: complaint('XAdminUserNotFound') }),
    code: 'store/denied',
    says: /access key/,
  },
  {
    name: '404 for an unknown user, GET',
    act: 'read',
    reply: () => ({ status: 404, body: complaint('XAdminUserNotFound') }),
    code: 'store/denied',
  },
  {
    name: '404 InvalidAccessKeyId',
    act: 'read',
    reply: () => ({ status: 404, body: complaint('InvalidAccessKeyId') }),
    code: 'store/denied',
  },
  { name: 'removing what is not there', act: 'remove', reply: () => NO_SUCH_KEY, value: undefined },
  // A refusal, and why.
  {
    name: '403 AccessDenied',
    act: 'head',
    reply: forbidden(403, 'AccessDenied'),
    code: 'store/denied',
    hint: /s3:ListBucket/,
    facts: { status: 403, serverCode: 'AccessDenied' },
  },
  {
    name: '403 InvalidAccessKeyId',
    act: 'head',
    reply: forbidden(403, 'InvalidAccessKeyId'),
    code: 'store/denied',
    hint: /AWS_ACCESS_KEY_ID/,
  },
  {
    name: '403 SignatureDoesNotMatch',
    act: 'head',
    reply: forbidden(403, 'SignatureDoesNotMatch'),
    code: 'store/denied',
    hint: /AWS_SECRET_ACCESS_KEY/,
  },
  {
    name: '400 ExpiredToken',
    act: 'head',
    reply: forbidden(400, 'ExpiredToken'),
    code: 'store/denied',
    hint: /log in/,
  },
  { name: '403 without a word', act: 'head', reply: () => ({ status: 403 }), code: 'store/denied' },
  {
    name: 'HEAD forbidden, GET not',
    act: 'head',
    reply: onHead({ status: 403 }, { status: 206, headers: { ...OBJECT, 'content-range': 'bytes 0-0/77' }, body: 'x' }),
    value: { ...head, size: 77 },
  },
  {
    name: 'a clock ahead',
    act: 'head',
    reply: forbidden(403, 'RequestTimeTooSkewed', '', { date: new Date(NOW - 20 * 60_000).toUTCString() }),
    code: 'store/clock-skew',
    says: /20 min ahead/,
    hint: /NTP/,
  },
  {
    name: 'a clock behind',
    act: 'list',
    reply: forbidden(403, 'RequestTimeTooSkewed', '', { date: new Date(NOW + 3_600_000).toUTCString() }),
    code: 'store/clock-skew',
    says: /60 min behind/,
  },
  // Another region.
  {
    name: '301 with the header',
    act: 'head',
    reply: () => ({ status: 301, headers: { 'x-amz-bucket-region': 'eu-west-1' } }),
    code: 'store/wrong-region',
    says: /eu-west-1/,
    hint: /AWS_REGION/,
  },
  {
    name: '301 PermanentRedirect',
    act: 'head',
    reply: forbidden(301, 'PermanentRedirect', '<Endpoint>b.s3-eu-west-3.amazonaws.com</Endpoint>'),
    code: 'store/wrong-region',
    says: /eu-west-3/,
  },
  {
    name: '307 TemporaryRedirect',
    act: 'list',
    reply: forbidden(307, 'TemporaryRedirect', '', { location: 'http://127.0.0.1:1/' }),
    code: 'store/wrong-region',
  },
  {
    name: '400 AuthorizationHeaderMalformed',
    act: 'head',
    reply: forbidden(400, 'AuthorizationHeaderMalformed', '<Region>ap-south-1</Region>'),
    code: 'store/wrong-region',
    says: /ap-south-1/,
  },
  // Archives.
  { name: 'InvalidObjectState', act: 'read', reply: forbidden(403, 'InvalidObjectState'), code: 'store/archived' },
  // Writing.
  {
    name: 'a write',
    act: 'write',
    reply: () => ({ headers: OBJECT }),
    value: { written: true, etag: 'abc' },
    options: { pathStyle: true },
  },
  {
    name: 'somebody was first',
    act: 'claim',
    reply: () => ({ status: 412, body: complaint('PreconditionFailed') }),
    value: { written: false },
  },
  {
    name: '409 ConditionalRequestConflict',
    act: 'claim',
    reply: forbidden(409, 'ConditionalRequestConflict'),
    code: 'store/conflict',
    facts: { retryable: true },
  },
  {
    name: '200 with an error, PUT',
    act: 'claim',
    reply: () => ({ headers: OBJECT, body: complaint('InternalError') }),
    code: 'store/unavailable',
    facts: { status: 200, serverCode: 'InternalError', retryable: true, unclear: true },
  },
  {
    name: '200 with an error, LIST',
    act: 'list',
    reply: () => ({ body: complaint('SlowDown') }),
    code: 'store/unavailable',
  },
  {
    name: '500, PUT',
    act: 'write',
    reply: () => ({ status: 500 }),
    code: 'store/unavailable',
    facts: { retryable: true, unclear: true },
  },
  {
    name: '503 SlowDown, PUT',
    act: 'write',
    reply: forbidden(503, 'SlowDown'),
    code: 'store/unavailable',
    facts: { retryable: true },
  },
  {
    name: '503, HEAD',
    act: 'head',
    reply: () => ({ status: 503 }),
    code: 'store/unavailable',
    facts: { retryable: true },
  },
  { name: '429', act: 'list', reply: () => ({ status: 429 }), code: 'store/unavailable', facts: { retryable: true } },
  {
    name: '400 RequestTimeout',
    act: 'write',
    reply: forbidden(400, 'RequestTimeout'),
    code: 'store/unavailable',
    facts: { retryable: true },
  },
  {
    name: '400 BadDigest',
    act: 'write',
    reply: forbidden(400, 'BadDigest'),
    code: 'store/unavailable',
    facts: { retryable: true },
  },
  { name: 'too large', act: 'write', reply: forbidden(400, 'EntityTooLarge'), code: 'store/too-large' },
  {
    name: 'a key this server cannot hold',
    act: 'write',
    reply: forbidden(409, 'ObjectParentIsFile'),
    code: 'store/bad-key',
  },
  { name: '501', act: 'uploads', reply: forbidden(501, 'NotImplemented'), code: 'store/unsupported' },
  { name: 'uploads denied', act: 'uploads', reply: forbidden(403, 'AccessDenied'), code: 'store/denied' },
];

import type { StoreCode, StoreError } from '../../core/error.js';
import { type Doing, type Fault, printable, storeError } from './doing.js';
import type { Answer } from './wire.js';
import { childText, type Element, parseXml } from './xml.js';

/** What a server says of a failure: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly region: string | undefined;
}

/** The `<Error>` in an answer, whatever its status: S3 sends one with 200 at times. */
export function complaintIn(answer: Answer): Complaint | undefined {
  const root = answer.body.byteLength > 0 ? parseXml(answer.body) : undefined;
  if (root?.name !== 'Error') return undefined;
  return {
    code: childText(root, 'Code')?.trim() ?? '',
    message: cleanMessage(childText(root, 'Message') ?? ''),
    region: childText(root, 'Region')?.trim() || regionOf(root),
  };
}

function regionOf(root: Element): string | undefined {
  return /\bs3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(childText(root, 'Endpoint') ?? '')?.[1];
}

/** Servers are free to repeat what they were sent. */
function cleanMessage(text: string): string {
  return printable(text)
    .replace(/AWS4-HMAC-SHA256.*|Signature=\S*|[0-9a-f]{64}/gi, '[...]')
    .slice(0, 300);
}

export function isExpired(answer: Answer): boolean {
  const code = complaintIn(answer)?.code;
  return code === 'ExpiredToken' || code === 'ExpiredTokenException' || code === 'TokenRefreshRequired';
}

interface Rule {
  readonly code: StoreCode;
  readonly why?: string;
  readonly hint?: string;
  readonly retryable?: true;
  readonly unclear?: true;
}
const denied = (why: string, hint?: string): Rule =>
  hint === undefined ? { code: 'store/denied', why } : { code: 'store/denied', why, hint };
const UNKNOWN_KEY = denied(
  'the server does not know this access key',
  'check AWS_ACCESS_KEY_ID or the profile, and that the endpoint is the one these keys are for',
);
const EXPIRED = denied(
  'the session has expired',
  'log in again (for example "aws sso login") or renew AWS_SESSION_TOKEN',
);
const NO_BUCKET: Rule = {
  code: 'store/no-bucket',
  why: 'there is no such bucket',
  hint: 'check the name of the bucket, the endpoint and the account; Stepaside never creates buckets',
};
const CONFLICT: Rule = { code: 'store/conflict', why: 'another write was under way', retryable: true };
const BUSY: Rule = { code: 'store/unavailable', why: 'the server asks to slow down', retryable: true };
const ODD_KEY: Rule = { code: 'store/bad-key', why: 'this server cannot hold such a key' };
const CHANGED: Rule = {
  code: 'store/unavailable',
  why: 'what arrived at the server is not what was sent',
  retryable: true,
};

const BY_CODE: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [
    'AccessDenied',
    denied(
      'access denied',
      'check the policy of user and bucket; without s3:ListBucket S3 answers 403 for missing keys as well, so that absence cannot be told',
    ),
  ],
  ['InvalidAccessKeyId', UNKNOWN_KEY],
  ['XAdminUserNotFound', UNKNOWN_KEY],
  ['XMinioAdminNoSuchUser', UNKNOWN_KEY],
  [
    'InvalidToken',
    denied('the session token is not valid', 'renew AWS_SESSION_TOKEN, or unset it for a long-term key'),
  ],
  [
    'SignatureDoesNotMatch',
    denied(
      'the signature does not match',
      'check AWS_SECRET_ACCESS_KEY; a proxy that rewrites the host name or path does this too',
    ),
  ],
  ['ExpiredToken', EXPIRED],
  ['ExpiredTokenException', EXPIRED],
  ['TokenRefreshRequired', EXPIRED],
  ['InvalidObjectState', { code: 'store/archived', why: 'its bytes are in an archive and must be restored first' }],
  ['NoSuchUpload', { code: 'store/conflict', why: 'the upload was ended already' }],
  ['NoSuchBucket', NO_BUCKET],
  ['InvalidBucketName', { ...NO_BUCKET, why: 'the server takes this for no bucket name' }],
  ['ConditionalRequestConflict', CONFLICT],
  ['OperationAborted', CONFLICT],
  ['SlowDown', BUSY],
  ['RequestLimitExceeded', BUSY],
  ['TooManyRequests', BUSY],
  ['RequestTimeout', { code: 'store/unavailable', why: 'the server waited too long for us', retryable: true }],
  ['InternalError', { code: 'store/unavailable', why: 'the server failed', retryable: true, unclear: true }],
  [
    'ServiceUnavailable',
    { code: 'store/unavailable', why: 'the service is unavailable', retryable: true, unclear: true },
  ],
  ['BadDigest', CHANGED],
  ['InvalidDigest', CHANGED],
  ['IncompleteBody', CHANGED],
  ['XAmzContentSHA256Mismatch', CHANGED],
  ['QuotaExceeded', { code: 'store/unavailable', why: 'the quota is used up' }],
  ['EntityTooLarge', { code: 'store/too-large', why: 'the server takes no object of this size' }],
  ['KeyTooLongError', { code: 'store/bad-key', why: 'the key is too long for this server' }],
  ['XMinioInvalidObjectName', ODD_KEY],
  ['ObjectParentIsFile', { ...ODD_KEY, why: 'this server cannot hold a key below another key' }],
  ['ExistingObjectIsDirectory', { ...ODD_KEY, why: 'this server cannot hold a key that is a prefix of others' }],
  ['DirectoryObjectContainsData', { ...ODD_KEY, why: 'this server stores nothing under a key that ends in "/"' }],
  ['XMinioParentIsObject', ODD_KEY],
  ['NotImplemented', { code: 'store/unsupported', why: 'the server does not support this' }],
  ['MethodNotAllowed', { code: 'store/unsupported', why: 'the server does not allow this' }],
]);

/** Why an answer is none that was wanted. */
export function refusal(answer: Answer, doing: Doing, now: number): StoreError {
  const complaint = complaintIn(answer);
  const serverCode = complaint?.code || undefined;
  const { status } = answer;
  const fault = judge(answer, complaint, now);
  // `403 AccessDenied: the server's own words`, so that they can be searched for.
  const said = [String(status), serverCode, complaint?.message && `"${complaint.message}"`].filter(Boolean).join(' ');
  return storeError(doing, { ...fault, why: `${fault.why} (${said})`, status, serverCode });
}

function judge(answer: Answer, complaint: Complaint | undefined, now: number): Fault {
  const { status, headers } = answer;
  const code = complaint?.code ?? '';
  if (code === 'RequestTimeTooSkewed' || code === 'RequestExpired') return skewFault(headers['date'], now);
  const region = headers['x-amz-bucket-region'] ?? complaint?.region;
  const elsewhere =
    code === 'PermanentRedirect' || code === 'TemporaryRedirect' || code === 'AuthorizationHeaderMalformed';
  const redirect = status === 301 || status === 307;
  if (elsewhere || (redirect && region !== undefined)) return regionFault(region);
  const rule = BY_CODE.get(code);
  if (rule) return { ...rule, why: rule.why ?? code };
  return { ...byStatus(answer), why: whyOf(answer) };
}

function byStatus({ status }: Answer): Omit<Fault, 'why'> {
  if (status === 429 || status === 503) return { code: 'store/unavailable', retryable: true, unclear: status === 503 };
  if (status === 501 || status === 405) return { code: 'store/unsupported' };
  if (status >= 500) return { code: 'store/unavailable', retryable: true, unclear: true };
  if (status === 401 || status === 403 || status === 407) return { code: 'store/denied' };
  if (status === 409) return { code: 'store/conflict' };
  if (status === 413) return { code: 'store/too-large' };
  if (status === 408) return { code: 'store/unavailable', retryable: true };
  // What refuses does not carry out; a 200 that is no S3 answer leaves it open.
  return { code: 'store/bad-answer', unclear: status < 300 };
}

function whyOf({ status, headers }: Answer): string {
  if (status >= 300 && status < 400) return `redirected to ${hostOf(headers['location'])}, which is not followed`;
  if (/html/i.test(headers['content-type'] ?? '')) return 'a web page answered, no S3 server';
  if (status === 401 || status === 403 || status === 407) return 'the server says no, and not why';
  if (status >= 500) return 'the server failed';
  return 'not an answer that S3 gives';
}

function hostOf(location: string | undefined): string {
  return location && URL.canParse(location) ? new URL(location).host : 'elsewhere';
}

function regionFault(region: string | undefined): Fault {
  return {
    code: 'store/wrong-region',
    why: region ? `the bucket is in region ${printable(region)}` : 'the bucket is in another region',
    hint: region ? `set the region ${printable(region)} for this store, or AWS_REGION` : 'set the region of this store',
  };
}

function skewFault(date: string | undefined, now: number): Fault {
  const server = date === undefined ? Number.NaN : Date.parse(date);
  const seconds = Math.round((now - server) / 1000);
  const span = Math.abs(seconds) < 120 ? `${Math.abs(seconds)} s` : `${Math.round(Math.abs(seconds) / 60)} min`;
  const why = Number.isNaN(seconds)
    ? "this machine's clock and the server's differ too much"
    : `this machine's clock is ${span} ${seconds > 0 ? 'ahead of' : 'behind'} the server's`;
  return { code: 'store/clock-skew', why, hint: 'set the clock, for example by NTP' };
}

/** A 404 that speaks of the one key; any other 404 (of a bucket, of a user, of a proxy) says nothing about it. */
export function saysNoSuchKey(answer: Answer): boolean {
  if (answer.status !== 404) return false;
  return answer.headers['x-amz-delete-marker'] === 'true' || complaintIn(answer)?.code === 'NoSuchKey';
}

import { readFileSync } from 'node:fs';
import { StoreError } from '../../core/error.js';
import { compareUtf8 } from '../../core/utf8.js';
import { orAborted } from '../../store/deadline.js';
import { NamesSeen } from '../../store/names-seen.js';
import type {
  Abilities,
  CallOptions,
  Found,
  Head,
  ListOptions,
  OpenUpload,
  Page,
  ReadOptions,
  Store,
  StoreTraits,
  WriteOptions,
  Written,
} from '../../store/store.js';
import { flattened } from '../../store/stream.js';
import { countSent } from './count-sent.js';
import { type CredentialSource, createCredentials } from './credentials.js';
import { type Doing, storeError } from './doing.js';
import { type ExchangeOptions, exchange } from './exchange.js';
import { complaintIn, refusal, saysNoSuchKey } from './judge.js';
import { leanWire } from './lean.js';
import { inOrder, Progress } from './listing.js';
import { multipartOf } from './multipart.js';
import { objectBody } from './object-body.js';
import { headOf, rangeIn, unquote } from './object-head.js';
import { sdkWire } from './sdk.js';
import { describeSettings, resolveSettings, type S3Options, type Settings } from './settings.js';
import type { Answer, BodyAnswer, SendOptions, Wire } from './wire.js';

export type { S3Options } from './settings.js';

/** One bucket as a Store; keys are whole object keys, byte for byte. Nothing is asked of the server before the first call. */
export function s3Store(options: S3Options): Store {
  const settings = resolveSettings(options, process.env, readText);
  const credentials = createCredentials({ settings, env: process.env, readText, explicit: options.credentials });
  const createWire = options.wire === 'sdk' ? sdkWire : leanWire;
  return new S3Store(settings, credentials, createWire(settings, credentials));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const MAX_VALUE = 5 * 1024 ** 3;
const MAX_KEY_BYTES = 1024;
const NOTHING: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

export class S3Store implements Store {
  readonly name: string;
  readonly abilities: Abilities;
  readonly #settings: Settings;
  readonly #credentials: CredentialSource;
  readonly #wire: Wire;
  #closed = false;
  #bucketSeen = false;
  #bucketAsked: Promise<void> | undefined;
  /** Broken once is broken: some servers sort by path segment or by UTF-16. */
  #ordered: boolean;

  constructor(settings: Settings, credentials: CredentialSource, wire: Wire) {
    this.#settings = settings;
    this.#credentials = credentials;
    const { wire: counting, sent } = countSent(wire);
    this.#wire = counting;
    this.name = settings.name;
    // AWS promises UTF-8 order; of other servers two were seen to keep another.
    this.#ordered = !settings.custom;
    this.abilities = {
      pages: { pages: (prefix, options) => this.#pages(prefix, options) },
      multipart: multipartOf({
        wire: this.#wire,
        doing: (key) => this.#doing('write', key),
        ask: (doing, options, send) => this.#ask(doing, options, send),
        refuse: (answer, doing) => this.#refuse(answer, doing),
      }),
      uploads: { openUploads: (prefix, options) => this.#openUploads(prefix, options) },
      describe: async () => describeSettings(settings),
      clock: (options) => this.#clock(options),
      sent,
    };
  }

  get traits(): StoreTraits {
    return {
      kind: 's3',
      maxValueBytes: MAX_VALUE,
      exclusiveCreate: 'claimed',
      strongList: true,
      orderedList: this.#ordered,
      remote: true,
    };
  }

  async head(key: string, options: CallOptions = {}): Promise<Head | undefined> {
    const doing = this.#doing('look at', key);
    const answer = await this.#ask(doing, options, (send) => this.#wire.head(key, send));
    if (answer.status === 200) {
      if (isPage(answer)) await this.#confirmBucket(key, options);
      return this.#found(answer, key, doing);
    }
    if (saysNoSuchKey(answer)) return undefined;
    // A page of a proxy or a web server is no answer of S3's: a GET is asked, and judged by its bytes.
    if (answer.status === 404 && isPage(answer)) return this.#headByGet(key, options);
    if (answer.status === 404) return this.#absent(key, options);
    if (__SABOTAGE__ === 'unknown-is-absent' && (answer.status === 403 || answer.status >= 500)) return undefined;
    // A refused HEAD has no body; only a GET says why.
    return mute(answer) ? this.#headByGet(key, options) : this.#refuse(answer, doing);
  }

  async #headByGet(key: string, options: CallOptions): Promise<Head | undefined> {
    const doing = this.#doing('look at', key);
    const { answer, deadline } = await this.#get(doing, 'bytes=0-0', options);
    answer.stream?.destroy();
    deadline.end();
    if (answer.stream) return this.#found(answer, key, doing);
    if (saysNoSuchKey(answer)) return this.#absent(key, options);
    return this.#refuse(answer, doing);
  }

  async read(key: string, options: ReadOptions = {}): Promise<Found | undefined> {
    const doing = this.#doing('read', key);
    const { offset = 0, length } = options;
    // HTTP cannot ask for no bytes at all.
    if (length === 0) return this.#empty(key, options);
    const whole = offset === 0 && length === undefined;
    const range = whole ? undefined : `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
    const { answer, deadline } = await this.#get(doing, range, options);
    const { stream } = answer;
    if (!stream) {
      deadline.end();
      if (answer.status === 416) return this.#empty(key, options);
      if (saysNoSuchKey(answer)) return this.#absent(key, options);
      return this.#refuse(answer, doing);
    }
    try {
      const head = this.#found(answer, key, doing);
      const got = answer.status === 206 ? rangeIn(answer) : { start: 0, end: head.size - 1 };
      if (!got || (answer.status === 206 && got.start !== offset)) {
        throw storeError(doing, { code: 'store/bad-answer', status: 206, why: 'other bytes came than were asked for' });
      }
      const announced = got.end - got.start + 1;
      const wanted = Math.max(0, Math.min(length ?? Number.POSITIVE_INFINITY, head.size - offset));
      if (announced < wanted && got.end + 1 < head.size) {
        throw storeError(doing, { code: 'store/bad-answer', status: 206, why: 'fewer bytes came than were asked for' });
      }
      const { timeouts } = this.#settings;
      const skip = offset - got.start;
      return { head, body: objectBody({ stream, doing, deadline, timeouts, announced, skip, wanted }) };
    } catch (error) {
      stream.destroy();
      deadline.end();
      throw error;
    }
  }

  async #empty(key: string, options: ReadOptions): Promise<Found | undefined> {
    const head = await this.head(key, options);
    // "Nothing there" of an object that reaches further is no end of it.
    if (head && head.size > (options.offset ?? 0) && options.length !== 0) {
      throw storeError(this.#doing('read', key), {
        code: 'store/bad-answer',
        status: 416,
        why: 'the range was refused, and the object reaches beyond it',
        retryable: true,
      });
    }
    return head && { head, body: NOTHING };
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<Head> {
    return flattened(this.#pages(prefix, options));
  }

  async *#pages(prefix: string, options: ListOptions = {}): AsyncGenerator<Page> {
    const doing = this.#doing('list', prefix);
    const { after } = options;
    const maxKeys = Math.max(1, Math.min(1000, Math.ceil(options.pageSize ?? 1000)));
    const progress = new Progress(doing);
    // Where names rise, each comes once. Where they need not, only memory tells a repeated one from a late one.
    const seen = this.#ordered ? undefined : new NamesSeen();
    let token: string | undefined;
    let last: string | undefined;
    for (;;) {
      const ask = { prefix, maxKeys, startAfter: token === undefined ? after : undefined, token };
      const answer = await this.#ask(doing, options, (send) => this.#wire.list(ask, send));
      if (answer.status !== 200 || (!answer.page && complaintIn(answer))) this.#refuse(answer, doing);
      const page = progress.open(answer);
      this.#bucketSeen = true;
      const heads = page.items.map((item) => progress.head(answer, page, item, prefix));
      const more = progress.step(
        answer,
        page,
        heads.map(({ key }) => key),
      );
      if (!inOrder(heads, last)) {
        if (seen === undefined) throw this.#outOfOrder(answer, doing);
        heads.sort((a, b) => compareUtf8(a.key, b.key));
      }
      const fresh = heads.filter(({ key }) => {
        if (seen?.add(key) === false) return false;
        return after === undefined || compareUtf8(key, after) > 0;
      });
      yield { heads: fresh, more };
      if (!more) return;
      last = heads.at(-1)?.key ?? last;
      token = page.next;
    }
  }

  /** What was given out already was taken for all that comes before it. The next listing expects no order. */
  #outOfOrder(answer: Answer, doing: Doing): StoreError {
    this.#ordered = false;
    const { status } = answer;
    const why = 'the list goes backwards, where it was promised in order';
    return storeError(doing, { code: 'store/unavailable', status, why, retryable: true });
  }

  async write(key: string, body: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const doing = this.#doing('write', key);
    if (body.byteLength > MAX_VALUE) {
      throw storeError(doing, { code: 'store/too-large', why: `${body.byteLength} bytes are more than one PUT takes` });
    }
    const put = { body, ifAbsent: options.ifAbsent ?? false, namedByDigest: options.namedByDigest ?? false };
    await this.#refuseMissingBucket(key, options);
    const extra = { signal: options.signal, bytes: body.byteLength };
    const answer = await this.#ask(doing, extra, (send) => this.#wire.put(key, put, send));
    if (answer.status === 412 && put.ifAbsent) return { written: false };
    if (answer.status !== 200 || complaintIn(answer)) this.#refuse(answer, doing);
    const etag = unquote(answer.headers['etag']);
    if (etag === undefined) {
      const why = 'the answer lacks an ETag, so no S3 server took it';
      throw storeError(doing, { code: 'store/bad-answer', status: 200, why, unclear: true });
    }
    this.#bucketSeen = true;
    return { written: true, etag };
  }

  async remove(key: string, options: CallOptions = {}): Promise<void> {
    const doing = this.#doing('remove', key);
    const answer = await this.#ask(doing, options, (send) => this.#wire.remove(key, send));
    if (answer.status === 204) return;
    if (saysNoSuchKey(answer)) return;
    this.#refuse(answer, doing);
  }

  async *#openUploads(prefix: string, options: CallOptions = {}): AsyncGenerator<OpenUpload> {
    const doing = this.#doing('list', prefix);
    const progress = new Progress(doing);
    let keyMarker: string | undefined;
    let idMarker: string | undefined;
    for (;;) {
      const ask = { prefix, keyMarker, idMarker };
      const answer = await this.#ask(doing, options, (send) => this.#wire.uploads(ask, send));
      if (answer.status !== 200 || complaintIn(answer)) this.#refuse(answer, doing);
      const page = progress.open(answer);
      const found = page.items.map(({ key, id, startedAt }) => ({
        key: progress.name(answer, page, key),
        ...(id && { id }),
        // SeaweedFS gives no time; one that might be under way counts as just begun.
        startedAt: startedAt ?? this.#settings.now(),
      }));
      // One key may have many uploads, on many pages: only the markers must get on.
      const more = progress.step(answer, page, []);
      yield* found.filter(({ key }) => key.startsWith(prefix));
      if (!more) return;
      keyMarker = progress.name(answer, page, page.next);
      idMarker = page.nextId;
    }
  }

  /** By the Date of an answer; a refusal has one too, and the refusal of a skewed clock above all. */
  async #clock(options: CallOptions = {}): Promise<{ readonly offsetMs: number; readonly uncertaintyMs: number }> {
    const doing = this.#doing('list', '');
    const began = this.#settings.now();
    const answer = await this.#ask(doing, options, (send) => this.#wire.list({ prefix: '', maxKeys: 1 }, send));
    const ended = this.#settings.now();
    const date = Date.parse(answer.headers['date'] ?? '');
    if (Number.isNaN(date)) throw storeError(doing, { code: 'store/bad-answer', why: 'the answer has no Date' });
    // The header knows whole seconds: on average it is half of one behind.
    return {
      offsetMs: Math.round(date + 500 - (began + ended) / 2),
      uncertaintyMs: Math.ceil((ended - began) / 2) + 500,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wire.close();
  }

  #doing(verb: Doing['verb'], key: string): Doing {
    const doing = { store: this.name, key, verb };
    if (this.#closed) throw new StoreError('store/closed', `${this.name} was closed`, { store: this.name });
    const why =
      verb !== 'list' && key === ''
        ? 'an object needs a key'
        : !key.isWellFormed()
          ? 'a key must be valid Unicode (this one holds a lone surrogate)'
          : key.includes('\0')
            ? 'a key cannot hold NUL: no XML can list it'
            : Buffer.byteLength(key) > MAX_KEY_BYTES
              ? `a key has at most ${MAX_KEY_BYTES} bytes`
              : undefined;
    if (why) throw storeError(doing, { code: 'store/bad-key', why });
    return doing;
  }

  async #ask<A extends Answer>(
    doing: Doing,
    options: { readonly signal?: AbortSignal | undefined; readonly bytes?: number },
    send: (options: SendOptions) => Promise<A>,
  ): Promise<A> {
    return (await exchange(this.#credentials, this.#terms(doing, options), send)).answer;
  }

  #get(doing: Doing, range: string | undefined, options: CallOptions) {
    const terms = { ...this.#terms(doing, options), keepOpen: true };
    const key = doing.key ?? '';
    return exchange<BodyAnswer>(this.#credentials, terms, (send) => this.#wire.get(key, range, send));
  }

  #terms(doing: Doing, { signal, bytes = 0 }: { signal?: AbortSignal | undefined; bytes?: number }): ExchangeOptions {
    return { doing, signal, totalMs: this.#settings.timeouts.totalMs + bytes / 64 };
  }

  #found(answer: Answer, key: string, doing: Doing): Head {
    const head = headOf(answer, key, doing);
    this.#bucketSeen = true;
    return head;
  }

  #refuse(answer: Answer, doing: Doing): never {
    throw refusal(answer, doing, this.#settings.now());
  }

  /** A bare 404 is the same for a missing key, a missing bucket and, on some servers, unknown credentials. */
  async #absent(key: string, options: CallOptions): Promise<undefined> {
    await this.#confirmBucket(key, options);
    return undefined;
  }

  /** SeaweedFS and s3s-fs make the bucket of a mistyped name on the first PUT. */
  async #refuseMissingBucket(key: string, options: CallOptions): Promise<void> {
    if (this.#bucketSeen || !this.#settings.custom) return;
    try {
      await this.#confirmBucket(key, options);
    } catch (error) {
      // Who may write and not look is told by the PUT itself.
      if (!(error instanceof StoreError && error.code === 'store/denied')) throw error;
    }
  }

  async #confirmBucket(key: string, options: CallOptions): Promise<void> {
    if (this.#bucketSeen) return;
    this.#bucketAsked ??= this.#lookForBucket(key).finally(() => {
      this.#bucketAsked = undefined;
    });
    // Shared by many callers, so none of their signals stops it.
    await orAborted(this.#bucketAsked, options.signal);
  }

  async #lookForBucket(key: string): Promise<void> {
    const doing = this.#doing('look at', key);
    // With the key as prefix, for policies that allow listing below some prefix only.
    const ask = { prefix: key, maxKeys: 1 };
    const answer = await this.#ask(doing, {}, (send) => this.#wire.list(ask, send));
    if (answer.status === 200 && !complaintIn(answer)) new Progress(doing).open(answer);
    else if (answer.status !== 403) this.#refuse(answer, doing);
    else {
      const { answer: second, deadline } = await this.#get(doing, 'bytes=0-0', {});
      second.stream?.destroy();
      deadline.end();
      if (!second.stream && second.status !== 416 && !saysNoSuchKey(second)) this.#refuse(second, doing);
    }
    this.#bucketSeen = true;
  }
}

/** HTML without a word of S3's own: objects may be pages too, but then the server signs its answer. */
function isPage({ headers }: Answer): boolean {
  return (
    /^text\/html/i.test(headers['content-type'] ?? '') &&
    !Object.keys(headers).some((name) => name.startsWith('x-amz-'))
  );
}

/** A refusal that may have more to say than a HEAD can carry. */
function mute({ status, headers }: Answer): boolean {
  if (status === 301 || status === 307) return headers['x-amz-bucket-region'] === undefined;
  return status === 400 || status === 401 || status === 403;
}

import type { Readable } from 'node:stream';

/**
 * How the driver speaks S3. A wire carries one request and brings back what the server said, whatever it said: it
 * throws only if there was no answer. What an answer means is judged in one place for both wires (judge.ts).
 */
export interface Wire {
  head(key: string, options: SendOptions): Promise<Answer>;
  get(key: string, range: string | undefined, options: SendOptions): Promise<BodyAnswer>;
  list(ask: ListAsk, options: SendOptions): Promise<PageAnswer<Item>>;
  put(key: string, put: PutAsk, options: SendOptions): Promise<Answer>;
  remove(key: string, options: SendOptions): Promise<Answer>;
  begin(key: string, options: SendOptions): Promise<Answer>;
  part(key: string, part: PartAsk, options: SendOptions): Promise<Answer>;
  complete(key: string, upload: string, tags: readonly string[], options: SendOptions): Promise<Answer>;
  abort(key: string, upload: string, options: SendOptions): Promise<Answer>;
  /** Names as they are: asked to encode them, RGW 16 does so without saying it. */
  uploads(ask: UploadsAsk, options: SendOptions): Promise<PageAnswer<Upload>>;
  close(): void;
}

export interface SendOptions {
  readonly signal: AbortSignal;
}
interface ListAsk {
  readonly prefix: string;
  readonly maxKeys: number;
  readonly startAfter?: string | undefined;
  readonly token?: string | undefined;
}
export interface PutAsk {
  readonly body: Uint8Array;
  readonly ifAbsent: boolean;
  /** See WriteOptions. A wire need not make use of it. */
  readonly namedByDigest: boolean;
}
interface PartAsk {
  readonly upload: string;
  readonly number: number;
  readonly body: Uint8Array;
}
interface UploadsAsk {
  readonly prefix: string;
  readonly keyMarker?: string | undefined;
  readonly idMarker?: string | undefined;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** All of it; empty where `stream` carries it. */
  readonly body: Uint8Array;
}
export interface BodyAnswer extends Answer {
  /** The object's bytes, of a GET that was answered with some. */
  readonly stream?: Readable;
}
export interface PageAnswer<T> extends Answer {
  /** Missing if the body is not, from its first byte to its last, the XML that was asked for. */
  readonly page?: Page<T> | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly truncated: boolean | undefined;
  /** Names in this page are percent-encoded: the server says so. */
  readonly encoded: boolean;
  /** Where the next page begins; uploads need the second one too. */
  readonly next?: string | undefined;
  readonly nextId?: string | undefined;
}
export interface Item {
  readonly key: string | undefined;
  readonly size: number | undefined;
  readonly modifiedAt: number | undefined;
  readonly etag?: string | undefined;
  readonly storageClass?: string | undefined;
  /** A copy of its bytes is out of the archive, for now. */
  readonly restored?: boolean | undefined;
}
export interface Upload {
  readonly key: string | undefined;
  readonly id: string | undefined;
  readonly startedAt: number | undefined;
}

/** No answer came. `sent` = the request may have reached the server all the same. */
export class WireFault extends Error {
  readonly reason: 'connect-timeout' | 'timeout' | 'closed';
  readonly sent: boolean;
  constructor(reason: WireFault['reason'], message: string, sent: boolean) {
    super(message);
    this.name = 'WireFault';
    this.reason = reason;
    this.sent = sent;
  }
}

/** A Node error that stopped a request, with what only the wire can know about it. */
export class BrokenExchange extends Error {
  readonly sent: boolean;
  constructor(cause: unknown, sent: boolean) {
    super('the exchange broke', { cause });
    this.name = 'BrokenExchange';
    this.sent = sent;
  }
}

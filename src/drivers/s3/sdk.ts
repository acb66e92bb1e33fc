import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ListMultipartUploadsCommandOutput, ListObjectsV2CommandOutput, S3Client } from '@aws-sdk/client-s3';
import { createAgent } from './agent.js';
import { collect } from './body.js';
import type { CredentialSource } from './credentials.js';
import { loadSdk } from './load-sdk.js';
import type { Settings } from './settings.js';
import { type Answer, type BodyAnswer, type SendOptions, type Wire, WireFault } from './wire.js';
import { parseXml } from './xml.js';

type Sdk = Awaited<ReturnType<typeof loadSdk>>;
type Input<M extends Method> = Omit<InstanceType<Sdk[`${M}Command`]>['input'], 'Bucket'>;
interface Outputs {
  readonly HeadObject: object;
  readonly GetObject: object;
  readonly ListObjectsV2: ListObjectsV2CommandOutput;
  readonly PutObject: object;
  readonly DeleteObject: object;
  readonly CreateMultipartUpload: object;
  readonly UploadPart: object;
  readonly CompleteMultipartUpload: object;
  readonly AbortMultipartUpload: object;
  readonly ListMultipartUploads: ListMultipartUploadsCommandOutput;
}
type Method = keyof Outputs;
interface Opened {
  readonly sdk: Sdk;
  readonly asking: S3Client;
  readonly writing: S3Client;
}

/** The reference: AWS's own client builds, signs and sends; what the server said is taken before it is interpreted. */
export function sdkWire(settings: Settings, credentials: CredentialSource): Wire {
  const { timeouts } = settings;
  const agent = createAgent(settings);
  let opened: Promise<Opened> | undefined;
  const open = () => {
    opened ??= loadSdk().then((sdk) => ({
      sdk,
      // Its limit on silence also counts the time a reader of a body takes, so reading does without:
      // how long a body may be silent is told by readPieces.
      asking: createClient(sdk, 0),
      writing: createClient(sdk, Math.max(timeouts.idleMs, timeouts.firstByteMs)),
    }));
    return opened;
  };

  function createClient(sdk: Sdk, socketTimeout: number): S3Client {
    const silent = () => {};
    const made = new sdk.S3Client({
      region: settings.region,
      ...(settings.custom ? { endpoint: urlOf(settings) } : {}),
      forcePathStyle: settings.pathStyle,
      maxAttempts: 1,
      followRegionRedirects: false,
      // Waiting for "100 Continue" opens a connection of its own for each such request.
      expectContinueHeader: false,
      // The defaults send what RGW answers with 411 and what other servers store as part of the object.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent },
      requestHandler: {
        httpAgent: agent,
        httpsAgent: agent,
        connectionTimeout: timeouts.connectMs,
        socketTimeout,
        throwOnRequestTimeout: true,
        logger: { debug: silent, info: silent, warn: silent, error: silent },
      } as never,
      // Expired at once, so that it asks every time: keeping them is credentials.ts's business, for both wires alike.
      credentials: async () => ({ ...present(await credentials.get()), expiration: new Date(0) }),
    });
    // The client would take the server's clock for its own after the first refusal, and hide that ours is wrong.
    Object.defineProperty(made.config, 'systemClockOffset', {
      get: () => settings.now() - Date.now(),
      set: () => {},
    });
    return made;
  }

  async function send<M extends Method>(
    method: M,
    input: Input<M>,
    { signal }: SendOptions,
    bytes = 0,
  ): Promise<{ answer: BodyAnswer; output: Outputs[M] | undefined }> {
    const { sdk, asking, writing } = await open();
    const client = bytes > 0 || method === 'PutObject' ? writing : asking;
    const full = {
      Bucket: settings.bucket,
      ...(settings.requesterPays ? { RequestPayer: 'requester' } : {}),
      ...input,
    };
    const Command = sdk[`${method}Command`] as unknown as new (input: object) => InstanceType<Sdk['PutObjectCommand']>;
    const command = new Command(full);
    let answer: BodyAnswer | undefined;
    let broken: unknown;
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const response = result.response as { statusCode: number; headers: Answer['headers']; body: Readable };
        const head = { status: response.statusCode, headers: response.headers };
        response.body.on('error', silent);
        if (method === 'GetObject' && (head.status === 200 || head.status === 206)) {
          answer = { ...head, body: new Uint8Array(), stream: response.body };
          return result;
        }
        try {
          const body = await collect(response.body, timeouts.idleMs, timeouts.totalMs);
          answer = { ...head, body };
          // Given back as bytes: the stream is spent.
          response.body = body as never;
        } catch (error) {
          broken = error;
          throw error;
        }
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'takeAnswer' },
    );
    const requestTimeout = timeouts.connectMs + timeouts.firstByteMs + bytes / 64;
    try {
      const output = await client.send(command, { abortSignal: signal, requestTimeout });
      return { answer: answer as BodyAnswer, output: output as Outputs[M] };
    } catch (error) {
      // It could not make sense of the answer; the judge decides what it means.
      if (answer) return { answer, output: undefined };
      throw broken ?? asFault(error);
    }
  }
  async function ask<M extends Method>(method: M, input: Input<M>, options: SendOptions, bytes?: number) {
    return (await send(method, input, options, bytes)).answer;
  }

  return {
    head: (key, options) => ask('HeadObject', { Key: key }, options),
    get: (key, range, options) => ask('GetObject', { Key: key, ...(range ? { Range: range } : {}) }, options),
    async list({ prefix, maxKeys, startAfter, token }, options) {
      const { answer, output } = await send(
        'ListObjectsV2',
        {
          Prefix: prefix,
          MaxKeys: maxKeys,
          StartAfter: startAfter,
          ContinuationToken: token,
          EncodingType: 'url',
          ...(settings.custom ? {} : { OptionalObjectAttributes: ['RestoreStatus'] }),
        },
        options,
      );
      if (!output || parseXml(answer.body)?.name !== 'ListBucketResult') return answer;
      const items = (output.Contents ?? []).map((item) => ({
        key: item.Key,
        size: item.Size,
        modifiedAt: item.LastModified?.getTime(),
        etag: item.ETag,
        storageClass: item.StorageClass,
        restored:
          item.RestoreStatus?.IsRestoreInProgress === false && item.RestoreStatus.RestoreExpiryDate !== undefined,
      }));
      const next = output.NextContinuationToken;
      return {
        ...answer,
        page: { items, truncated: output.IsTruncated, encoded: output.EncodingType === 'url', next },
      };
    },
    put(key, { body, ifAbsent }, options) {
      const input = {
        Key: key,
        Body: body,
        ...lengthAndChecksum(body),
        ContentType: 'application/octet-stream',
        ...(ifAbsent ? { IfNoneMatch: '*' } : {}),
      };
      return ask('PutObject', input, options, body.byteLength);
    },
    remove: (key, options) => ask('DeleteObject', { Key: key }, options),
    begin: (key, options) =>
      ask('CreateMultipartUpload', { Key: key, ContentType: 'application/octet-stream' }, options),
    part(key, { upload, number, body }, options) {
      const input = { Key: key, UploadId: upload, PartNumber: number, Body: body, ...lengthAndChecksum(body) };
      return ask('UploadPart', input, options, body.byteLength);
    },
    complete(key, upload, tags, options) {
      const Parts = tags.map((tag, i) => ({ PartNumber: i + 1, ETag: `"${tag}"` }));
      return ask('CompleteMultipartUpload', { Key: key, UploadId: upload, MultipartUpload: { Parts } }, options);
    },
    abort: (key, upload, options) => ask('AbortMultipartUpload', { Key: key, UploadId: upload }, options),
    async uploads({ prefix, keyMarker, idMarker }, options) {
      const { answer, output } = await send(
        'ListMultipartUploads',
        { Prefix: prefix, KeyMarker: keyMarker, UploadIdMarker: idMarker },
        options,
      );
      if (!output || parseXml(answer.body)?.name !== 'ListMultipartUploadsResult') return answer;
      const items = (output.Uploads ?? []).map((upload) => ({
        key: upload.Key,
        id: upload.UploadId,
        startedAt: upload.Initiated?.getTime(),
      }));
      const { NextKeyMarker: next, NextUploadIdMarker: nextId } = output;
      return {
        ...answer,
        page: { items, truncated: output.IsTruncated, encoded: output.EncodingType === 'url', next, nextId },
      };
    },
    close() {
      agent.destroy();
      opened
        ?.then(({ asking, writing }) => {
          asking.destroy();
          writing.destroy();
        })
        .catch(silent);
    },
  };
}

function lengthAndChecksum(body: Uint8Array) {
  return { ContentLength: body.byteLength, ContentMD5: createHash('md5').update(body).digest('base64') };
}

const silent = (): void => {};

function urlOf({ endpoint }: Settings): string {
  const port = endpoint.port === undefined ? '' : `:${endpoint.port}`;
  return `${endpoint.protocol}//${endpoint.hostname}${port}${endpoint.path}`;
}

/** Without the names whose value is missing: the SDK's types tell the two apart. */
function present<T extends object>(from: T): { [K in keyof T]-?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as never;
}

/** The SDK's time-outs carry no code that tells them apart, only these words. */
function asFault(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'TimeoutError') return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (/did not establish a connection/.test(error.message)) {
    return new WireFault('connect-timeout', 'no connection in time', false);
  }
  return code && code !== 'ETIMEDOUT' ? error : new WireFault('timeout', 'no answer in time', true);
}

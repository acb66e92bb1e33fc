import { tagOfParts } from '../../store/multipart-tag.js';
import type { Abilities, CallOptions } from '../../store/store.js';
import { type Doing, storeError } from './doing.js';
import { complaintIn } from './judge.js';
import { unquote } from './object-head.js';
import type { Answer, SendOptions, Wire } from './wire.js';
import { childText, parseXml } from './xml.js';

interface Driver {
  readonly wire: Wire;
  readonly doing: (key: string) => Doing;
  readonly ask: (
    doing: Doing,
    options: CallOptions & { readonly bytes?: number },
    send: (options: SendOptions) => Promise<Answer>,
  ) => Promise<Answer>;
  readonly refuse: (answer: Answer, doing: Doing) => never;
}

const OF_PARTS = /^[0-9a-f]{32}-[0-9]+$/;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html */
export function multipartOf({ wire, doing, ask, refuse }: Driver): NonNullable<Abilities['multipart']> {
  async function tagAt(key: string, tags: readonly string[], options: CallOptions): Promise<string> {
    const about = doing(key);
    const answer = await ask(about, options, (send) => wire.head(key, send));
    const tag = answer.status === 200 ? unquote(answer.headers['etag']) : undefined;
    if (tag === undefined) throw meaningless(answer, about, 'what was completed has no ETag');
    // Only where tags are made of parts' MD5s can it be told whether somebody wrote another object meanwhile.
    if (OF_PARTS.test(tag) && tag !== tagOfParts(tags))
      throw storeError(about, {
        code: 'store/conflict',
        status: answer.status,
        why: 'somebody else wrote it meanwhile',
      });
    return tag;
  }
  return {
    async begin(key, options = {}) {
      const about = doing(key);
      const answer = await ask(about, options, (send) => wire.begin(key, send));
      if (answer.status !== 200 || complaintIn(answer)) refuse(answer, about);
      return { key, id: wordIn(answer, about, { root: 'InitiateMultipartUploadResult', name: 'UploadId' }) };
    },
    async part({ key, id }, number, body, options = {}) {
      const about = doing(key);
      const part = { upload: id, number, body };
      const answer = await ask(about, { ...options, bytes: body.byteLength }, (send) => wire.part(key, part, send));
      if (answer.status !== 200 || complaintIn(answer)) refuse(answer, about);
      const tag = unquote(answer.headers['etag']);
      if (tag === undefined) throw meaningless(answer, about, 'the answer lacks an ETag, so no S3 server took it');
      return tag;
    },
    async complete({ key, id }, tags, options = {}) {
      const about = doing(key);
      const answer = await ask(about, options, (send) => wire.complete(key, id, tags, send));
      // It may say 200 before it knows, and the failure afterwards.
      if (answer.status !== 200 || complaintIn(answer)) refuse(answer, about);
      const root = parseXml(answer.body);
      if (root?.name !== 'CompleteMultipartUploadResult')
        throw meaningless(answer, about, 'the answer is no CompleteMultipartUploadResult');
      const etag = unquote(childText(root, 'ETag')?.trim() || undefined);
      // Ceph's radosgw answers with an empty one, and gives it to whoever looks.
      return { etag: etag ?? (await tagAt(key, tags, options)) };
    },
    async abort({ key, id }, options = {}) {
      const about = doing(key);
      const answer = await ask(about, options, (send) => wire.abort(key, id, send));
      if (answer.status !== 204 && complaintIn(answer)?.code !== 'NoSuchUpload') refuse(answer, about);
    },
  };
}

function wordIn(answer: Answer, doing: Doing, { root: wanted, name }: { root: string; name: string }): string {
  const root = parseXml(answer.body);
  const word = root?.name === wanted ? childText(root, name)?.trim() : undefined;
  if (!word) throw meaningless(answer, doing, `the answer is no ${wanted}`);
  return word;
}

function meaningless({ status }: Answer, doing: Doing, why: string) {
  return storeError(doing, { code: 'store/bad-answer', status, why, unclear: true });
}

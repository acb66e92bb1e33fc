import { afterEach, describe, expect, it } from 'vitest';
import { leanWire } from '../../../src/drivers/s3/lean.js';
import { S3Store, s3Store } from '../../../src/drivers/s3/s3.js';
import { resolveSettings } from '../../../src/drivers/s3/settings.js';
import type { Head, ListOptions, Store } from '../../../src/store/store.js';
import { EMPTY_LIST, listed, type Scripted, startScripted } from './scripted-server.js';

let server: Scripted;
let store: Store;
afterEach(async () => {
  await store.close();
  await server.close();
});

const more = (token?: string, rest = '') =>
  `<IsTruncated>true</IsTruncated>${token === undefined ? '' : `<NextContinuationToken>${token}</NextContinuationToken>`}${rest}`;
const LAST = '<IsTruncated>false</IsTruncated>';

describe.each(['lean', 'sdk'] as const)('a listing, %s', (wire) => {
  /** The pages in turn; the last one again and again. */
  async function serve(...pages: string[]): Promise<void> {
    let at = 0;
    server = await startScripted(() => ({ body: pages[Math.min(at++, pages.length - 1)] ?? '' }));
    const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
    store = s3Store({ bucket: 'b', endpoint: server.endpoint, region: 'us-east-1', credentials, wire });
  }
  async function list(prefix = '', options: ListOptions = {}): Promise<Head[]> {
    const all: Head[] = [];
    for await (const head of store.list(prefix, options)) all.push(head);
    return all;
  }
  const keys = async (...given: Parameters<typeof list>) => (await list(...given)).map(({ key }) => key);

  it('goes by IsTruncated and the token alone, over short and empty pages', async () => {
    await serve(listed(['a'], more('t1')), listed([], more('t2')), listed(['b', 'c'], LAST));
    expect(await keys()).toEqual(['a', 'b', 'c']);
    expect(server.asked.map(({ url }) => new URL(url, 'http://x').searchParams.get('continuation-token'))).toEqual([
      null,
      't1',
      't2',
    ]);
  });
  it('tells size, time, tag and class', async () => {
    await serve(listed(['a']));
    const [head] = await list();
    const modifiedAt = Date.UTC(2024, 0, 1) + 123;
    expect(head).toEqual({ key: 'a', size: 3, etag: 'e', modifiedAt, storageClass: 'STANDARD' });
  });
  it('an entry without ETag has none', async () => {
    await serve(listed(['a']).replace(/<ETag>.*?<\/ETag>/, ''));
    expect((await list())[0]).not.toHaveProperty('etag');
  });
  it('archived classes show', async () => {
    await serve(listed(['a']).replace('STANDARD', 'DEEP_ARCHIVE'));
    expect((await list())[0]).toMatchObject({ storageClass: 'DEEP_ARCHIVE', archived: true });
  });
  it('decodes names where the server says that they are encoded, and only there', async () => {
    const names = ['a+b%2Bc', 'a%20b/%E6%97%A5%01'];
    await serve(listed(names, `${LAST}<EncodingType>url</EncodingType>`), listed(['a+b%2Bc &lt;&#10;x']));
    expect(await keys()).toEqual(['a b+c', 'a b/\u65e5\u0001']);
    expect(await keys()).toEqual(['a+b%2Bc <\nx']);
  });
  it('sorts a page that is not in order, and says so from then on', async () => {
    await serve(listed(['a/z', 'a-b'], more('t')), listed(['0', 'c']));
    expect(await keys()).toEqual(['a-b', 'a/z', '0', 'c']);
    expect(store.traits.orderedList).toBe(false);
  });
  it('pages that overlap give each key once, in whatever order', async () => {
    await serve(
      listed(['a', 'b', 'c'], more('t1')),
      listed(['c', 'd'], more('t2')),
      listed(['b', 'bb', 'd'], more('t3')),
      listed(['a', 'e']),
    );
    expect(await keys()).toEqual(['a', 'b', 'c', 'd', 'bb', 'e']);
  });
  it('tells what was restored from an archive from what lies in it', async () => {
    const status = (busy: boolean, until = '') =>
      `<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>${busy}</IsRestoreInProgress>${until}</RestoreStatus>`;
    const until = '<RestoreExpiryDate>2099-01-01T00:00:00.000Z</RestoreExpiryDate>';
    const one = (key: string, more: string) => listed([key]).replace('<StorageClass>STANDARD</StorageClass>', more);
    await serve(one('a', status(false, until)), one('a', status(true)), one('a', status(false)));
    expect((await list())[0]).not.toHaveProperty('archived');
    expect((await list())[0]).toMatchObject({ archived: true });
    expect((await list())[0]).toMatchObject({ archived: true });
  });
  it('leaves out what does not come after the mark', async () => {
    await serve(listed(['a', 'b', 'c']));
    expect(await keys('', { after: 'a' })).toEqual(['b', 'c']);
    expect(server.asked[0]?.url).toContain('start-after=a');
  });
  it('asks for no more than is wanted, and only what is read', async () => {
    await serve(listed(['a', 'b'], more('t')), listed(['c']));
    for await (const { key } of store.list('', { pageSize: 2 })) if (key === 'b') break;
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]?.url).toContain('max-keys=2');
  });

  const whole = listed(['a', 'b']);
  it.each([
    ['no token', [listed(['a'], more())], /not where/],
    ['an empty token', [listed(['a'], more(''))], /not where/],
    ['the same token again', [listed(['a'], more('t')), listed(['b'], more('t'))], /repeats/],
    ['the same page with a fresh token', [listed(['a', 'b'], more('t1')), listed(['a', 'b'], more('t2'))], /repeats/],
    ['no word on whether more follows', [listed(['a'], '')], /more follows/],
    [
      'another root',
      ['<ListAllMyBucketsResult><IsTruncated>false</IsTruncated></ListAllMyBucketsResult>'],
      /whole list/,
    ],
    ['nothing at all', [''], /whole list/],
    ['a page cut in an entry', [whole.slice(0, whole.indexOf('<Size>'))], /whole list/],
    ['a page cut between entries', [whole.slice(0, whole.lastIndexOf('<Contents>'))], /whole list/],
    ['a page cut in its last tag', [whole.slice(0, -3)], /whole list/],
    ['keys that do not begin as asked', [listed(['a', 'zz'])], /begin as asked/, 'a'],
    ['a size that is no number', [whole.replace('<Size>3', '<Size>x')], /list/],
    ['a time that is none', [whole.replace('2024-01-01T', 'yesterday')], /list/],
    ['an entry without key', [whole.replace('<Key>a</Key>', '')], /key/],
    ['a name that cannot be decoded', [listed(['%E6'], `${LAST}<EncodingType>url</EncodingType>`)], /key/],
  ] as const)('%s is no answer', async (_, pages, says, prefix?: string) => {
    await serve(...pages);
    await expect(list(prefix)).rejects.toMatchObject({
      code: 'store/bad-answer',
      message: expect.stringMatching(says),
    });
  });

  it('open uploads come over all pages, decoded, with a time', async () => {
    const page = (names: string[], rest: string) =>
      `<ListMultipartUploadsResult>${rest}<EncodingType>url</EncodingType>${names.map((name) => `<Upload><Key>${name}</Key><UploadId>u</UploadId><Initiated>2024-01-01T00:00:00Z</Initiated></Upload>`).join('')}</ListMultipartUploadsResult>`;
    const next =
      '<IsTruncated>true</IsTruncated><NextKeyMarker>p+q</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>';
    await serve(page(['p+q'], next), page(['p+q', 'p%2Fr'], LAST));
    const found = [];
    for await (const upload of store.abilities.uploads!.openUploads('p')) found.push(upload);
    const startedAt = Date.UTC(2024, 0, 1);
    expect(found).toEqual(['p q', 'p q', 'p/r'].map((key) => ({ key, id: 'u', startedAt })));
    const { searchParams } = new URL(server.asked[1]?.url ?? '', 'http://x');
    expect([searchParams.get('key-marker'), searchParams.get('upload-id-marker')]).toEqual(['p q', 'u1']);
  });
  it('the bucket is confirmed once', async () => {
    server = await startScripted(({ url }) => (url.includes('list-type') ? { body: EMPTY_LIST } : { status: 404 }));
    const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
    store = s3Store({ bucket: 'b', endpoint: server.endpoint, region: 'us-east-1', credentials, wire });
    expect(await Promise.all([store.head('a'), store.head('b'), store.head('c')])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await store.head('d');
    expect(server.asked.filter(({ url }) => url.includes('list-type'))).toHaveLength(1);
  });
});

describe('a listing of AWS, which promises order', () => {
  /** The store as it is at AWS's own address, but that the scripted server answers there. */
  function open(): Store {
    const keys = { accessKeyId: 'a', secretAccessKey: 's' };
    const credentials = { get: async () => keys, renew: async () => false };
    const given = resolveSettings({ bucket: 'b', endpoint: server.endpoint, region: 'us-east-1' }, {}, () => undefined);
    const settings = { ...given, custom: false };
    return new S3Store(settings, credentials, leanWire(settings, credentials));
  }
  const keys = async (from: Store) => {
    const all: string[] = [];
    for await (const { key } of from.list('')) all.push(key);
    return all;
  };

  it('a page that goes backwards is no answer; the next listing expects no order', async () => {
    const pages = [listed(['a', 'c'], more('t1')), listed(['b', 'd'])];
    let at = 0;
    server = await startScripted(() => ({ body: pages[at++ % 2] ?? '' }));
    store = open();
    expect(store.traits.orderedList).toBe(true);
    const error = {
      code: 'store/unavailable',
      message: expect.stringContaining('backwards'),
      facts: { retryable: true },
    };
    await expect(keys(store)).rejects.toMatchObject(error);
    expect(store.traits.orderedList).toBe(false);
    expect(await keys(store)).toEqual(['a', 'c', 'b', 'd']);
  });
  it('asks what was restored, which other servers need not know', async () => {
    server = await startScripted(() => ({ body: EMPTY_LIST }));
    store = open();
    await keys(store);
    const other = s3Store({
      bucket: 'b',
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
    await keys(other);
    await other.close();
    const header = server.asked.map(({ headers }) => headers['x-amz-optional-object-attributes']);
    expect(header).toEqual(['RestoreStatus', undefined]);
  });
});

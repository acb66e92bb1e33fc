import { type Answered, type Asked, startFaultProxy } from '../rig/fault-proxy.js';
import { sendXmlError, startStandIn } from '../rig/stand-in.js';
import { answerTo, bucketWith, everyVerb, onBothWires, open, type Row } from './f11-rows.js';

/** A real server behind a proxy that says of `cold` what AWS says of an object in an archive. */
export const archived: Row = {
  name: 'an archived object: there, and its bytes are not',
  open: async (server) => {
    const bucket = await bucketWith(server, ['cold', 'warm']);
    const proxy = await startFaultProxy(server.endpoint, { rewrite: putOnIce });
    const opened = onBothWires(
      (wire) => open({ ...server, endpoint: proxy.endpoint }, bucket, { wire }),
      (store) => [
        {
          what: 'head cold',
          ask: async () => {
            const head = await store.head('cold');
            return `${head?.archived} ${head?.storageClass}`;
          },
          wanted: ['true GLACIER'],
        },
        {
          what: 'list cold',
          ask: async () => {
            for await (const head of store.list('cold')) return `${head.archived} ${head.storageClass}`;
            return 'absent';
          },
          wanted: ['true GLACIER'],
        },
        { what: 'read cold', ask: () => answerTo(store, 'read', 'cold'), wanted: ['store/archived'] },
        { what: 'read warm', ask: () => answerTo(store, 'read', 'warm'), wanted: ['present'] },
      ],
    );
    return { ...opened, close: () => opened.close().then(() => proxy.stop()) };
  },
};

/** What AWS says of an object `cold` in an archive class: HEAD and LIST name the class, its bytes are refused. */
export function putOnIce(asked: Asked, answered: Answered): Answered {
  const isCold = asked.path.split('?')[0]!.endsWith('/cold');
  if (isCold && asked.method === 'HEAD') answered.headers['x-amz-storage-class'] = 'GLACIER';
  if (isCold && asked.method === 'GET')
    return {
      status: 403,
      headers: { 'content-type': 'application/xml' },
      body: Buffer.from(
        "<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class</Message></Error>",
      ),
    };
  if (asked.query.get('prefix') === 'cold') {
    const page = answered.body.toString().replace(/<StorageClass>[^<]*<\/StorageClass>/, '');
    answered.body = Buffer.from(page.replace('</Contents>', '<StorageClass>GLACIER</StorageClass></Contents>'));
  }
  return answered;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: without s3:ListBucket a missing key is a 403. */
export const noListRightAtAws: Row = {
  name: 'the right to list is missing (as AWS answers it)',
  open: async (server) => {
    const bucket = await bucketWith(server, ['there']);
    const proxy = await startFaultProxy(server.endpoint, {
      rewrite: (asked, answered) => (asked.query.has('list-type') || answered.status === 404 ? forbidden() : answered),
    });
    const opened = onBothWires(
      (wire) => open({ ...server, endpoint: proxy.endpoint }, bucket, { wire }),
      (store) => [
        { what: 'head there', ask: () => answerTo(store, 'head', 'there'), wanted: ['present'] },
        { what: 'head missing', ask: () => answerTo(store, 'head', 'missing'), wanted: ['store/denied'] },
        { what: 'read missing', ask: () => answerTo(store, 'read', 'missing'), wanted: ['store/denied'] },
        { what: 'list', ask: () => answerTo(store, 'list', 'there'), wanted: ['store/denied'] },
      ],
    );
    return { ...opened, close: () => opened.close().then(() => proxy.stop()) };
  },
};

function forbidden(): Answered {
  return {
    status: 403,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'),
  };
}

/** No server here has regions; the answers are AWS's, as documented. */
const wrongRegions: readonly (readonly [what: string, bare: boolean, status: number, code: string])[] = [
  ['301 with the region in a header', true, 301, 'PermanentRedirect'],
  ['301 with the region in the body only', false, 301, 'PermanentRedirect'],
  ['400, the signature names another region', false, 400, 'AuthorizationHeaderMalformed'],
];

export const confused: readonly Row[] = wrongRegions.map(([what, inHeader, status, code]) => ({
  name: `the bucket is in another region: ${what}`,
  open: async () => {
    const server = await startStandIn('another region', (request, response) => {
      const body = `<Error><Code>${code}</Code><Message>elsewhere</Message><Region>eu-central-1</Region></Error>`;
      response.writeHead(status, {
        'content-type': 'application/xml',
        ...(inHeader ? { 'x-amz-bucket-region': 'eu-central-1' } : {}),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
    const opened = onBothWires(
      (wire) => open(server, 'far-away', { wire }),
      (store) => everyVerb(store, 'k', ['store/wrong-region']),
    );
    return { ...opened, close: () => opened.close().then(() => server.stop()) };
  },
}));

const refusals: readonly (readonly [status: number, code: string, wanted: readonly string[]])[] = [
  [403, 'AccessDenied', ['store/denied']],
  [500, 'InternalError', ['store/unavailable']],
  [503, 'SlowDown', ['store/unavailable']],
  [502, 'BadGateway', ['store/unavailable']],
  [400, 'ExpiredToken', ['store/denied']],
];

export const refusing: readonly Row[] = refusals.map(([status, code, wanted]) => ({
  name: `everything is answered ${status} ${code}`,
  open: async () => {
    const server = await startStandIn(code, (request, response) =>
      sendXmlError(response, status, code, {}, request.method === 'HEAD'),
    );
    const opened = onBothWires(
      (wire) => open(server, 'refused', { wire }),
      (store) => everyVerb(store, 'k', wanted),
    );
    return { ...opened, close: () => opened.close().then(() => server.stop()) };
  },
}));

const portal = '<!doctype html><html><body>Please log in</body></html>';
const answers: readonly (readonly [what: string, status: number, headers: Record<string, string>, body: string])[] = [
  ['a captive portal, 200', 200, { 'content-type': 'text/html' }, portal],
  // A portal that is proud of its pages: an ETag does not make it an S3 server to a listing or a removal.
  ['a web server, 404 for everything', 404, { 'content-type': 'text/html' }, '<html><h1>Not Found</h1></html>'],
  ['nothing at all, 200', 200, {}, ''],
];

export const oddAnswers: readonly Row[] = answers.map(([what, status, headers, body]) => ({
  name: `no S3 server answers: ${what}`,
  open: async () => {
    const server = await startStandIn(what, (request, response) => {
      response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
    const opened = onBothWires(
      (wire) => open(server, 'portal', { wire }),
      (store) => everyVerb(store, 'k', ['store/bad-answer', 'store/no-bucket', 'store/unavailable']),
    );
    return { ...opened, close: () => opened.close().then(() => server.stop()) };
  },
}));

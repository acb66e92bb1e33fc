import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type StandIn, sendXmlError, startStandIn } from './stand-in.js';

/**
 * Right when asked one by one, wrong in a race: it looks whether the key is there, does something else for a moment,
 * and writes. Two servers of ../../research behave so (s3s-fs, S3Mock); a probe that does not race believes them.
 */
export async function startRacyStandIn(): Promise<StandIn> {
  const objects = new Map<string, { readonly body: Buffer; readonly etag: string; readonly at: Date }>();
  return await startStandIn('racy', async (request, response, body) => {
    const url = new URL(request.url ?? '/', 'http://racy');
    const [, bucket, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    if (key === '') {
      const prefix = url.searchParams.get('prefix') ?? '';
      const after = url.searchParams.get('start-after') ?? '';
      const found = [...objects].filter(([name]) => name.startsWith(prefix) && name > after).sort(byName);
      const rows = found.map(
        ([name, one]) =>
          `<Contents><Key>${encodeURIComponent(name)}</Key><LastModified>${one.at.toISOString()}</LastModified>` +
          `<ETag>&quot;${one.etag}&quot;</ETag><Size>${one.body.length}</Size></Contents>`,
      );
      response.writeHead(200, { 'content-type': 'application/xml' });
      response.end(
        `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
          `<Name>${bucket}</Name><KeyCount>${rows.length}</KeyCount><IsTruncated>false</IsTruncated>` +
          `<EncodingType>url</EncodingType>${rows.join('')}</ListBucketResult>`,
      );
      return;
    }
    const there = objects.get(key);
    if (request.method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && there !== undefined)
        return sendXmlError(response, 412, 'PreconditionFailed');
      await wait(2);
      const etag = createHash('md5').update(body).digest('hex');
      objects.set(key, { body, etag, at: new Date() });
      response.writeHead(200, { etag: `"${etag}"`, 'content-length': 0 }).end();
    } else if (request.method === 'DELETE') {
      objects.delete(key);
      response.writeHead(204).end();
    } else if (there === undefined) {
      sendXmlError(response, 404, 'NoSuchKey', {}, request.method === 'HEAD');
    } else {
      response.writeHead(200, {
        etag: `"${there.etag}"`,
        'last-modified': there.at.toUTCString(),
        'content-length': there.body.length,
        'content-type': 'application/octet-stream',
      });
      response.end(request.method === 'HEAD' ? undefined : there.body);
    }
  });
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

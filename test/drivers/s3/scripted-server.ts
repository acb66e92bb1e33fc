import http, { type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A stand-in that says what it is told to: for answers that no real server gives on demand. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Takes over the connection once the request is there. */
  readonly take?: (socket: Socket) => void;
}
export interface Scripted {
  readonly endpoint: string;
  readonly asked: Asked[];
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

export async function startScripted(reply: (asked: Asked) => Reply): Promise<Scripted> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const what = { method, url, headers, body: Buffer.concat(parts) };
      asked.push(what);
      const { status = 200, headers: more = {}, body = '', take } = reply(what);
      if (take) return take(request.socket);
      response.sendDate = more['date'] === undefined;
      response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...more });
      response.end(method === 'HEAD' ? undefined : body);
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export function complaint(code: string, more = '', message = 'as scripted'): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;
}
export const OBJECT = { etag: '"abc"', 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' };
export const EMPTY_LIST = '<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>';

export function listed(keys: readonly string[], more = '<IsTruncated>false</IsTruncated>'): string {
  const items = keys.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>2024-01-01T00:00:00.123Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${more}${items.join('')}</ListBucketResult>`;
}
export function isList({ url }: Asked): boolean {
  return url.includes('list-type=2');
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { portOf } from './free-port.js';
import type { S3Server } from './s3-server.js';

export interface StandIn extends S3Server {
  readonly seen: readonly { readonly method: string; readonly path: string }[];
}

/**
 * A server of ours that answers as told: only for what no real server here does (a wrong region, an archive, races).
 * It holds no store and checks no signature, so nothing but its one trait may be concluded from it.
 */
export async function startStandIn(
  name: string,
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void | Promise<void>,
): Promise<StandIn> {
  const seen: { method: string; path: string }[] = [];
  const server = createServer(async (request, response) => {
    seen.push({ method: request.method ?? '', path: request.url ?? '' });
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
      await answer(request, response, Buffer.concat(pieces));
    } catch {
      response.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    name,
    version: 'stand-in',
    endpoint: `http://127.0.0.1:${portOf(server)}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'testsecret' },
    counted: 'served',
    requests: () => seen.length,
    seen,
    makeBucket: async () => {},
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

export function sendXmlError(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
  bare = false,
): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  response.writeHead(status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(bare ? undefined : body);
}

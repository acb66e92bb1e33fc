import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { portOf } from './free-port.js';
import { sendXmlError } from './stand-in.js';

/** What can go wrong between a client and a real S3 server, one per request. */
export const faults = [
  /** The request never arrives. */
  'lose-request',
  /** The request is carried out, the answer never comes. */
  'lose-answer',
  '409',
  /** "Somebody was first", said although nobody was. */
  '412',
  /** A middlebox sends the request twice and hands on the second answer (nginx does so with a PUT by default). */
  'replay',
  '500',
  '503',
  /** Carried out late, perhaps after the client has given up. */
  'slow',
  /** Carried out at once, answered late. */
  'slow-answer',
  /** The body is cut short, and the connection with it. */
  'truncate',
  /** The body is cut short, and the Content-Length says so too: only content can show it. */
  'truncate-consistent',
  'flip',
  /** A captive portal. */
  'html-200',
  'empty-200',
  'black-hole',
  'repeat-list-page',
  'drop-etag',
  /** An answer before the body was read, and a closed connection: versitygw and SeaweedFS do so. */
  'early-close',
] as const;
export type Fault = (typeof faults)[number];

export interface Asked {
  readonly method: string;
  /** As sent, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

export interface Answered {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface FaultProxyOptions {
  readonly decide?: (asked: Asked) => Fault | undefined;
  readonly slowMs?: number;
  /** For answers no server here gives: an archived object, for one. */
  readonly rewrite?: (asked: Asked, answered: Answered) => Answered;
  /** Each answer waits for it. */
  readonly hold?: (asked: Asked) => Promise<void>;
}

export interface FaultProxy {
  readonly endpoint: string;
  readonly injected: Readonly<Record<Fault, number>>;
  readonly requests: number;
  /** All that was done so far, in order; for a judge that must know what it may blame. */
  readonly history: readonly { readonly fault: Fault; readonly asked: Asked }[];
  /** Resolves when no request of that kind is on its way to the server any more. */
  idle(which: (asked: Asked) => boolean): Promise<void>;
  decideBy(decide: (asked: Asked) => Fault | undefined): void;
  stop(): Promise<void>;
}

/** May this fault be done to this request at all? A HEAD has no body to cut; only a second page can be repeated. */
export function fits(fault: Fault, asked: Asked): boolean {
  const isList = asked.query.has('list-type');
  switch (fault) {
    case 'truncate':
    case 'truncate-consistent':
    case 'flip':
      return asked.method === 'GET';
    case 'repeat-list-page':
      return isList && asked.query.has('continuation-token');
    case 'drop-etag':
      return !isList && asked.method !== 'DELETE';
    case '412':
    case 'replay':
    case 'early-close':
      return asked.method === 'PUT';
    case '409':
      return asked.method === 'PUT' || asked.method === 'DELETE';
    default:
      return true;
  }
}

export async function startFaultProxy(upstream: string, options: FaultProxyOptions = {}): Promise<FaultProxy> {
  const to = new URL(upstream);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const injected = Object.fromEntries(faults.map((fault) => [fault, 0])) as Record<Fault, number>;
  const history: { readonly fault: Fault; readonly asked: Asked }[] = [];
  const underway = new Set<Asked>();
  const pages = new Map<string, Answered>();
  const slowMs = options.slowMs ?? 200;
  let decide = options.decide ?? (() => undefined);
  let requests = 0;

  /** Carries the request to the server and brings its whole answer. */
  const carry = async (asked: Asked, body: Buffer): Promise<Answered> => {
    const sent = request({
      ...{ agent, host: to.hostname, port: to.port, method: asked.method },
      // The Host that was signed goes along: servers check the signature against it.
      ...{ path: asked.path, headers: asked.headers },
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    const answered = { status: answer.statusCode ?? 0, headers: { ...answer.headers }, body: Buffer.concat(pieces) };
    delete answered.headers['connection'];
    delete answered.headers['keep-alive'];
    delete answered.headers['transfer-encoding'];
    return options.rewrite?.(asked, answered) ?? answered;
  };

  const give = (response: ServerResponse, asked: Asked, { status, headers, body }: Answered) => {
    const length = asked.method === 'HEAD' ? {} : { 'content-length': String(body.length) };
    response.writeHead(status, { ...headers, ...length });
    response.end(asked.method === 'HEAD' ? undefined : body);
  };

  const serve = async (asked: Asked, message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const wanted = decide(asked);
    const listing = pageOf(asked);
    const repeatable = wanted !== 'repeat-list-page' || pages.has(listing);
    const fault = wanted !== undefined && fits(wanted, asked) && repeatable ? wanted : undefined;
    const did = (what: Fault) => {
      injected[what] += 1;
      history.push({ fault: what, asked });
    };
    if (fault === 'early-close') {
      did(fault);
      sendXmlError(response, 503, 'SlowDown', { connection: 'close' });
      message.socket.destroySoon();
      return;
    }
    const pieces: Buffer[] = [];
    for await (const piece of message) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    switch (fault) {
      case 'lose-request':
        did(fault);
        response.destroy();
        return;
      case 'black-hole':
        did(fault);
        return;
      case '409':
      case '412':
      case '500':
      case '503':
        did(fault);
        sendXmlError(response, Number(fault), codes[fault], {}, asked.method === 'HEAD');
        return;
      case 'html-200':
      case 'empty-200': {
        did(fault);
        const text = fault === 'html-200' ? '<html><body>Please log in</body></html>' : '';
        const type = fault === 'html-200' ? { 'content-type': 'text/html' } : {};
        give(response, asked, { status: 200, headers: type, body: Buffer.from(text) });
        return;
      }
      case 'repeat-list-page':
        did(fault);
        give(response, asked, pages.get(listing)!);
        return;
      case 'slow':
        did(fault);
        await wait(slowMs);
        break;
      default:
        break;
    }

    if (fault === 'replay') {
      did(fault);
      await carry(asked, body);
    }
    const answered = await carry(asked, body);
    await options.hold?.(asked);
    const first = !asked.query.has('continuation-token') && asked.query.has('list-type');
    if (first && answered.status === 200) pages.set(listing, answered);
    switch (fault) {
      case 'lose-answer':
        did(fault);
        response.destroy();
        return;
      case 'slow-answer':
        did(fault);
        await wait(slowMs);
        break;
      case 'drop-etag':
        if (answered.headers['etag'] !== undefined) did(fault);
        delete answered.headers['etag'];
        break;
      case 'truncate':
        if (answered.body.length < 2) break;
        did(fault);
        response.writeHead(answered.status, { ...answered.headers, 'content-length': String(answered.body.length) });
        response.write(answered.body.subarray(0, answered.body.length >> 1), () => response.socket?.destroySoon());
        return;
      case 'truncate-consistent':
        if (answered.body.length < 2) break;
        did(fault);
        answered.body = answered.body.subarray(0, answered.body.length >> 1);
        break;
      case 'flip':
        if (answered.body.length === 0) break;
        did(fault);
        answered.body[Math.floor(Math.random() * answered.body.length)]! ^= 1 << Math.floor(Math.random() * 8);
        break;
      default:
        break;
    }
    give(response, asked, answered);
  };

  const server = createServer((message, response) => {
    requests += 1;
    const url = new URL(message.url ?? '/', 'http://proxy');
    const asked: Asked = {
      method: message.method ?? '',
      path: message.url ?? '/',
      query: url.searchParams,
      headers: message.headers,
    };
    underway.add(asked);
    serve(asked, message, response)
      // The server or the client went away: the client sees a reset, as it would without a proxy.
      .catch(() => response.destroy())
      .finally(() => underway.delete(asked));
  });
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    endpoint: `http://127.0.0.1:${portOf(server)}`,
    injected,
    get requests() {
      return requests;
    },
    history,
    idle: async (which) => {
      while ([...underway].some(which)) await wait(2);
    },
    decideBy: (next) => {
      decide = next;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      agent.destroy();
    },
  };
}

const codes = {
  '409': 'ConditionalRequestConflict',
  '412': 'PreconditionFailed',
  '500': 'InternalError',
  '503': 'SlowDown',
} as const;

function pageOf(asked: Asked): string {
  return `${asked.path.split('?')[0]} ${asked.query.get('prefix') ?? ''}`;
}

import http, { type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createAgent } from './agent.js';
import type { Settings } from './settings.js';
import { BrokenExchange, WireFault } from './wire.js';

interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

interface Transport {
  /** The answer's head, its body unread. Rejects with a WireFault or BrokenExchange if none came. */
  send(request: HttpRequest): Promise<IncomingMessage>;
  close(): void;
}

/** node:http(s) with a time-out on every phase: by itself it waits for ever. */
export function createTransport(settings: Settings): Transport {
  const { address, timeouts } = settings;
  const agent = createAgent(settings);
  const start = address.protocol === 'https:' ? process.getBuiltinModule('node:https').request : http.request;

  function send({ method, path, headers, body, signal }: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let connected = false;
      let answered = false;
      let timer: NodeJS.Timeout | undefined;
      let socket: Socket | undefined;
      const { protocol, port } = address;
      const hostname = address.hostname.replace(/^\[|\]$/g, '');
      const request = start({ protocol, hostname, port, method, path, headers, agent });

      const allow = (ms: number, reason: WireFault['reason'], phase: string): void => {
        clearTimeout(timer);
        timer = setTimeout(() => fail(new WireFault(reason, `${phase} within ${ms} ms`, connected)), ms);
      };
      const settle = (): void => {
        clearTimeout(timer);
        socket?.removeListener('timeout', onStall);
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
        request.destroy(error);
      };
      const onStall = (): void => {
        fail(new WireFault('timeout', `no byte taken by the server within ${timeouts.idleMs} ms`, true));
      };
      const onConnected = (): void => {
        connected = true;
        clearTimeout(timer);
        // Node asks the kernel here whether the queue got shorter, so a slow but moving upload is no stall.
        socket?.setTimeout(timeouts.idleMs);
        socket?.on('timeout', onStall);
      };
      const onAbort = (): void => fail(signal.reason);

      signal.addEventListener('abort', onAbort, { once: true });
      request.once('close', () => signal.removeEventListener('abort', onAbort));
      request.once('socket', (given) => {
        socket = given;
        if (!given.connecting) return onConnected();
        allow(timeouts.connectMs, 'connect-timeout', 'no connection');
        given.once(isTls(given) ? 'secureConnect' : 'connect', onConnected);
      });
      request.once('finish', () => {
        socket?.removeListener('timeout', onStall);
        if (!answered) allow(timeouts.firstByteMs, 'timeout', 'no answer');
      });
      request.once('response', (response) => {
        answered = true;
        settle();
        // An early answer: the rest of our body has no reader.
        response.once('end', () => {
          if (!request.writableFinished) request.destroy();
        });
        // Without a listener a cut body would be an unhandled 'error' before anybody reads it.
        response.on('error', () => {});
        resolve(response);
      });
      request.on('error', (error) => {
        settle();
        reject(error instanceof WireFault || signal.aborted ? error : new BrokenExchange(error, connected));
      });
      request.end(body);
    });
  }
  return { send, close: () => agent.destroy() };
}

function isTls(socket: Socket): socket is TLSSocket {
  return 'encrypted' in socket;
}

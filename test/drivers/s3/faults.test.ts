import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { s3Store } from '../../../src/drivers/s3/s3.js';
import type { S3Options } from '../../../src/drivers/s3/settings.js';
import type { Store } from '../../../src/store/store.js';
import { EMPTY_LIST, isList, OBJECT, type Scripted, startScripted } from './scripted-server.js';

const tls = (name: string) => join(import.meta.dirname, 'tls', name);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
const HEAD = 'HTTP/1.1 200 OK\r\nETag: "a"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n';

describe.each(['lean', 'sdk'] as const)('when things break, %s', (wire) => {
  function open(endpoint: string, more: Partial<S3Options> = {}): Store {
    const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
    const store = s3Store({ bucket: 'b', endpoint, region: 'us-east-1', credentials, wire, ...more });
    closing.push(() => store.close());
    return store;
  }
  /** Lists are answered, all else is given to `take`. */
  async function taken(take: (socket: Socket) => void): Promise<Scripted> {
    const server = await startScripted((asked) => (isList(asked) ? { body: EMPTY_LIST } : { take }));
    closing.push(() => server.close());
    return server;
  }
  async function raw(onSocket: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  async function readAll(store: Store, signal?: AbortSignal): Promise<number> {
    let size = 0;
    const found = await store.read('k', signal ? { signal } : {});
    for await (const piece of found?.body ?? []) size += piece.byteLength;
    return size;
  }
  const body = Buffer.from('body');

  it('nobody listens: refused, and not unclear', async () => {
    const store = open('http://127.0.0.1:1');
    for (const work of [store.head('k'), store.write('k', body)]) {
      const error = await work.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'store/unavailable', facts: { status: 'ECONNREFUSED', retryable: true } });
      expect(error).toMatchObject({
        message: expect.stringContaining('refused'),
        facts: expect.not.objectContaining({ unclear: true }),
      });
    }
  });
  it('no such host', async () => {
    const error = { code: 'store/unavailable', message: expect.stringMatching(/host|lookup/) };
    const write = open('http://nowhere.invalid').write('k', body);
    await expect(write).rejects.toMatchObject(error);
    await expect(write).rejects.toMatchObject({ facts: expect.not.objectContaining({ unclear: true }) });
  });
  it('no HTTP', async () => {
    const endpoint = await raw((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n')));
    await expect(open(endpoint).head('k')).rejects.toMatchObject({ code: 'store/bad-answer' });
  });
  it('a reset: unclear for a write, not for a look', async () => {
    const store = open((await taken((socket) => socket.resetAndDestroy())).endpoint);
    await expect(store.write('k', body)).rejects.toMatchObject({
      code: 'store/unavailable',
      facts: { unclear: true, retryable: true },
    });
    await expect(store.remove('k')).rejects.toMatchObject({ code: 'store/unavailable', facts: { unclear: true } });
    const look = store.head('k');
    await expect(look).rejects.toMatchObject({ code: 'store/unavailable', facts: { retryable: true } });
    await expect(look).rejects.toMatchObject({ facts: expect.not.objectContaining({ unclear: true }) });
  });

  describe('waiting has an end', () => {
    const timeouts = { connectMs: 200, firstByteMs: 200, idleMs: 200, totalMs: 5000 };
    const timedOut = (more: object = {}) => ({
      code: 'store/unavailable',
      facts: expect.objectContaining({ status: 'ETIMEDOUT', ...more }),
    });
    it('a server that says nothing', async () => {
      const store = open((await taken(() => {})).endpoint, { timeouts });
      await expect(store.head('k')).rejects.toMatchObject(timedOut());
      await expect(store.write('k', body)).rejects.toMatchObject(timedOut({ unclear: true }));
    });
    it('a TLS handshake that never ends', async () => {
      const endpoint = (await raw(() => {})).replace('http', 'https');
      await expect(open(endpoint, { timeouts }).head('k')).rejects.toMatchObject(timedOut());
    });
    it('a body that stops', async () => {
      const server = await taken((socket) => socket.write(`${HEAD}Content-Length: 10\r\n\r\nhello`));
      await expect(readAll(open(server.endpoint, { timeouts }))).rejects.toMatchObject(timedOut());
    });
    it('a body that drips', async () => {
      const server = await taken((socket) => {
        socket.write(`${HEAD}Content-Length: 1000\r\n\r\n`);
        const drip = setInterval(() => socket.write('x'), 50);
        socket.once('close', () => clearInterval(drip));
      });
      const store = open(server.endpoint, { timeouts: { ...timeouts, totalMs: 500 } });
      await expect(readAll(store)).rejects.toMatchObject(timedOut());
    });
    it('a listing that drips', async () => {
      const server = await startScripted(() => ({
        take: (socket) => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
          const drip = setInterval(() => socket.write('<'), 50);
          socket.once('close', () => clearInterval(drip));
        },
      }));
      closing.push(() => server.close());
      const first = open(server.endpoint, { timeouts: { ...timeouts, totalMs: 500 } })
        .list('')
        [Symbol.asyncIterator]()
        .next();
      await expect(first).rejects.toMatchObject(timedOut());
    });
    it('a server that takes no bytes', async () => {
      const endpoint = await raw((socket) => {
        socket.once('data', (data) => {
          if (!String(data).startsWith('GET')) return void socket.pause();
          const { length } = EMPTY_LIST;
          socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${EMPTY_LIST}`);
        });
      });
      const store = open(endpoint, { timeouts: { ...timeouts, totalMs: 60_000 } });
      const stalled = store.write('k', Buffer.alloc(64 << 20));
      await expect(stalled).rejects.toMatchObject(timedOut({ unclear: true }));
    });
    it("a slow reader is nobody's fault", async () => {
      const big = 'x'.repeat(4 << 20);
      const server = await startScripted(() => ({ headers: OBJECT, body: big }));
      closing.push(() => server.close());
      const found = await open(server.endpoint, { timeouts: { ...timeouts, totalMs: 1000 } }).read('k');
      let size = 0;
      let slept = false;
      for await (const piece of found?.body ?? []) {
        size += piece.byteLength;
        if (!slept) await wait(1500);
        slept = true;
      }
      expect(size).toBe(big.length);
    });
  });

  it('a body cut short throws while it is read', async () => {
    const server = await taken((socket) => socket.end(`${HEAD}Content-Length: 10\r\n\r\nhello`));
    await expect(readAll(open(server.endpoint))).rejects.toMatchObject({
      code: 'store/bad-answer',
      message: expect.stringContaining('5 of 10'),
    });
  });
  it('a listing cut short is no answer', async () => {
    const server = await startScripted(() => ({
      take: (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<ListBucketResult>'),
    }));
    closing.push(() => server.close());
    await expect(open(server.endpoint).list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: expect.stringMatching(/store\/(bad-answer|unavailable)/),
    });
  });

  it('the caller breaks off with a reason of his own, at any time', async () => {
    const server = await taken((socket) =>
      setTimeout(() => socket.write(`${HEAD}Content-Length: 10\r\n\r\nhello`), 100),
    );
    const store = open(server.endpoint);
    for (const after of [0, 30, 200]) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(new Error('enough')), after);
      await expect(readAll(store, stop.signal)).rejects.toThrow('enough');
    }
    await expect(store.head('k', { signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never');
    await wait(50);
    expect(server.sockets.size).toBeLessThanOrEqual(1);
  });
  it('a body that is left early leaves no connection behind', async () => {
    const big = 'x'.repeat(8 << 20);
    const server = await startScripted(() => ({ headers: OBJECT, body: big }));
    closing.push(() => server.close());
    const store = open(server.endpoint);
    for (let i = 0; i < 3; i++) for await (const _ of (await store.read('k'))?.body ?? []) break;
    await wait(100);
    expect(server.sockets.size).toBe(0);
  });
  it('a body that is given back unread leaves no connection behind', async () => {
    const server = await startScripted(() => ({ headers: OBJECT, body: 'x'.repeat(8 << 20) }));
    closing.push(() => server.close());
    const store = open(server.endpoint);
    for (let i = 0; i < 3; i++) await (await store.read('k'))?.body[Symbol.asyncIterator]().return?.();
    await wait(100);
    expect(server.sockets.size).toBe(0);
  });
  it('a body that nobody reads is let go after a while', async () => {
    const server = await startScripted(() => ({ headers: OBJECT, body: 'x'.repeat(8 << 20) }));
    closing.push(() => server.close());
    const found = await open(server.endpoint, { timeouts: { totalMs: 200 } }).read('k');
    await wait(400);
    expect(server.sockets.size).toBe(0);
    await expect(found?.body[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'store/unavailable' });
  });
  it('closing ends what is under way', async () => {
    const server = await taken(() => {});
    const store = open(server.endpoint);
    const look = store.head('k').catch((error: unknown) => error);
    await wait(wire === 'sdk' ? 500 : 50);
    await store.close();
    expect(await look).toMatchObject({ code: expect.stringMatching(/^store\//) });
    await expect(store.head('k')).rejects.toMatchObject({ code: 'store/closed' });
  });

  it('a thousand answers that come before the body is sent end no process', async () => {
    // Answers and closes upon the first bytes, as servers do that refuse a write without reading it.
    const endpoint = await raw((socket) => {
      socket.once('data', (data) => {
        if (String(data).startsWith('GET')) {
          socket.end(
            `HTTP/1.1 200 OK\r\nContent-Length: ${EMPTY_LIST.length}\r\nConnection: close\r\n\r\n${EMPTY_LIST}`,
          );
          return;
        }
        socket.write('HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n');
        socket.resetAndDestroy();
      });
    });
    const store = open(endpoint);
    const big = Buffer.alloc(1 << 20);
    const seen = { lost: 0, unclear: 0 };
    for (let round = 0; round < 50; round++) {
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          try {
            expect(await store.write('k', big, { ifAbsent: true })).toEqual({ written: false });
            seen.lost++;
          } catch (error) {
            expect(error).toMatchObject({ code: 'store/unavailable', facts: { unclear: true, retryable: true } });
            seen.unclear++;
          }
        }),
      );
    }
    expect(seen.lost + seen.unclear).toBe(1000);
  });

  describe('TLS', () => {
    async function secure(): Promise<string> {
      const server = https.createServer(
        { key: readFileSync(tls('server.key')), cert: readFileSync(tls('server.pem')) },
        (_, response) => response.writeHead(200, { ...OBJECT, 'content-length': 3 }).end(),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closing.push(() => {
        server.close();
        server.closeAllConnections();
      });
      return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }
    it('an authority that the store names is trusted, for this store only', async () => {
      const endpoint = await secure();
      expect(await open(endpoint, { ca: tls('ca.pem') }).head('k')).toMatchObject({ size: 3 });
      const error = await open(endpoint)
        .write('k', body)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'store/unavailable',
        message: expect.stringContaining('secure'),
        hint: expect.stringContaining('"ca"'),
      });
      expect(error).toMatchObject({ facts: expect.not.objectContaining({ unclear: true }) });
    });
    it('a certificate for another name', async () => {
      const endpoint = (await secure()).replace('127.0.0.1', '127.0.0.2');
      const error = { code: 'store/unavailable' };
      await expect(open(endpoint, { ca: tls('ca.pem') }).head('k')).rejects.toMatchObject(error);
    });
    it('a CA file that is none is a mistake of the configuration', () => {
      for (const ca of ['/no/such.pem', import.meta.filename]) {
        expect(() => open('https://x', { ca })).toThrow(expect.objectContaining({ code: 'config/bad-ca' }));
      }
    });
  });

  it('a completion without a tag: the tag of a look, if it is the one that these parts have', async () => {
    const parts = [createHash('md5').update('one').digest('hex'), createHash('md5').update('two').digest('hex')];
    const ours = `${createHash('md5')
      .update(Buffer.from(parts.join(''), 'hex'))
      .digest('hex')}-2`;
    const about: Record<string, string> = { opaque: 'opaque', [ours]: ours, [`${'0'.repeat(32)}-2`]: 'store/conflict' };
    for (const [etag, expected] of Object.entries(about)) {
      const server = await startScripted(({ method }) =>
        method === 'HEAD'
          ? { headers: { ...OBJECT, etag: `"${etag}"` } }
          : { body: '<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>' },
      );
      closing.push(() => server.close());
      const { multipart } = open(server.endpoint).abilities;
      const done = multipart!.complete({ key: 'k', id: 'u' }, parts).then(
        (written) => written.etag,
        (error: { code: string }) => error.code,
      );
      expect(await done).toBe(expected);
    }
  });
});

import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

type Make = (step: string, nonce: string, fails: boolean) => Promise<number>;

/** Writes to S3 what scripts ask for: a client of their own would take longer to start than all that is tested. */
export interface Hand {
  readonly port: number;
  serve(id: string, make: Make): void;
  forget(id: string): void;
  stop(): void;
}

export async function startHand(): Promise<Hand> {
  const shops = new Map<string, Make>();
  // Whose asker was killed in the middle has nobody to tell.
  const server = createServer((socket) => void answer(socket, shops).catch(() => undefined));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as { port: number }).port,
    serve: (id, make) => void shops.set(id, make),
    forget: (id) => void shops.delete(id),
    stop: () => void server.close(),
  };
}

async function answer(socket: Socket, shops: ReadonlyMap<string, Make>): Promise<void> {
  // Who is killed asks no more.
  socket.on('error', () => {});
  for await (const line of createInterface({ input: socket })) {
    const [id = '', step = '', nonce = '', fails] = line.split(' ');
    const code = await (shops
      .get(id)?.(step, nonce, fails === 'yes')
      .catch(() => 8) ?? 9);
    socket.end(`${code}\n`);
  }
}

import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Ports nobody listens on at this moment; all held together, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  for (let i = 0; i < count; i += 1) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    held.push(server);
  }
  const ports = held.map(portOf);
  await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

export function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a TCP port');
  return address.port;
}

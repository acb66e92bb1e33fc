import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';

/**
 * Setup file of every worker: counts the requests begun towards a given server, since its own log is out of reach.
 * The other servers count what they served themselves, and this does nothing.
 */
const folder = process.env['STEPASIDE_COUNT_SENT'] ?? '';
const endpoint = process.env['STEPASIDE_TEST_S3'] ?? '';
if (folder !== '' && endpoint !== '') {
  const host = new URL(endpoint).host;
  let sent = 0;
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest };
    if (request.getHeader('host') === host) sent += 1;
  });
  const file = join(folder, `${process.pid}-${Math.random().toString(36).slice(2)}`);
  const save = () => writeFileSync(file, String(sent));
  save();
  setInterval(save, 500).unref();
  process.on('exit', save);
}

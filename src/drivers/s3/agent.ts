import { readFileSync } from 'node:fs';
import http from 'node:http';
import type https from 'node:https';
import type { Socket } from 'node:net';
import { ConfigError } from '../../core/error.js';
import type { Settings } from './settings.js';

// Below what S3 and most proxies keep an idle connection for, so that a request rarely meets one just closed.
const IDLE_SOCKET_MS = 15_000;
const MAX_SOCKETS = 256;

/** The connections of one store. */
export function createAgent(settings: Settings): http.Agent | https.Agent {
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS };
  if (settings.endpoint.protocol === 'http:') return guard(new http.Agent(options));
  // Loaded where it is needed: what encrypts is half of what there is to load.
  const { Agent } = process.getBuiltinModule('node:https');
  return guard(new Agent(settings.ca === undefined ? options : { ...options, ca: trust(settings.ca) }));
}

/** Naming any authority drops the usual ones, so they are named too; and those of NODE_EXTRA_CA_CERTS. */
function trust(path: string): string[] {
  const extra = process.env['NODE_EXTRA_CA_CERTS'];
  const { rootCertificates } = process.getBuiltinModule('node:tls');
  return [...rootCertificates, ...(extra ? [readPem(extra)] : []), readPem(path)];
}

function readPem(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError('config/bad-ca', `the CA file ${JSON.stringify(path)} cannot be read`, { cause });
  }
  if (!text.includes('-----BEGIN')) {
    throw new ConfigError('config/bad-ca', `the CA file ${JSON.stringify(path)} holds no PEM certificate`);
  }
  return text;
}

/**
 * A server may answer early and close while the body is still being sent. The reset can then reach a socket that no
 * request owns any more, and an 'error' nobody listens to ends the process (seen with s3s-fs).
 */
function guard<A extends http.Agent>(agent: A): A {
  const creator = agent as unknown as { createConnection(...args: unknown[]): Socket };
  const create = creator.createConnection;
  creator.createConnection = (...args) => create.apply(agent, args).on('error', () => {});
  return agent;
}

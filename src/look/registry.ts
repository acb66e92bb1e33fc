import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A look must not hang where no registry can be reached. */
const LOOK_MS = 4_000;
const DIGEST = /^[a-z0-9]+:[0-9a-f]{32,128}$/;
/** An index first: it is what a pulled image is named by, whatever the machine it was pulled for. */
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const DOCKER_HUB = { host: 'registry-1.docker.io', account: 'https://index.docker.io/v1/' };

interface Place {
  /** `https://registry.example` */
  readonly base: string;
  /** What logins are kept under. */
  readonly account: string;
  readonly repository: string;
  readonly tag: string;
}

/**
 * The digest behind a tag as its registry tells it: one HEAD, and where it asks for one, a token. `undefined` where it
 * does not tell, for whatever reason: then the tag is all that is known.
 */
export async function registryDigest(image: string): Promise<string | undefined> {
  const over = AbortSignal.timeout(LOOK_MS);
  try {
    return await Promise.race([askedOf(placeOf(image), over), sleep(LOOK_MS, undefined, { ref: false })]);
  } catch {
    return undefined;
  }
}

/** `python:3.12` is `docker.io/library/python:3.12`, by the rules of docker. */
function placeOf(image: string): Place {
  const [, name = image, tag = 'latest'] = /^(.*?)(?::([\w][\w.-]{0,127}))?$/.exec(image) ?? [];
  const slash = name.indexOf('/');
  const host = slash < 0 ? '' : name.slice(0, slash);
  if (!/[.:]|^localhost$/.test(host) || host === 'docker.io') {
    const rest = host === 'docker.io' ? name.slice(slash + 1) : name;
    const repository = rest.includes('/') ? rest : `library/${rest}`;
    return { base: `https://${DOCKER_HUB.host}`, account: DOCKER_HUB.account, repository, tag };
  }
  const scheme = /^(localhost|127\.\d+\.\d+\.\d+)(:|$)/.test(host) ? 'http' : 'https';
  return { base: `${scheme}://${host}`, account: host, repository: name.slice(slash + 1), tag };
}

async function askedOf(place: Place, signal: AbortSignal): Promise<string | undefined> {
  const login = loginFor(place.account);
  const head = (authorization?: string) =>
    fetch(`${place.base}/v2/${place.repository}/manifests/${place.tag}`, {
      method: 'HEAD',
      headers: { accept: MANIFESTS, ...(authorization === undefined ? {} : { authorization }) },
      signal,
    });
  let answer = await head();
  if (answer.status === 401) {
    const authorization = await authorized(answer.headers.get('www-authenticate') ?? '', place, login, signal);
    if (authorization === undefined) return undefined;
    answer = await head(authorization);
  }
  const digest = answer.ok ? answer.headers.get('docker-content-digest') : undefined;
  return digest && DIGEST.test(digest) ? digest : undefined;
}

async function authorized(
  challenge: string,
  { base, repository }: Place,
  login: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (/^basic\b/i.test(challenge)) return login;
  const said = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value ?? '']));
  const realm = said.get('realm');
  if (!/^bearer\b/i.test(challenge) || realm === undefined) return undefined;
  const from = new URL(realm);
  // A password goes nowhere in clear, but to this machine itself.
  if (from.protocol !== 'https:' && !base.startsWith('http:')) return undefined;
  if (said.has('service')) from.searchParams.set('service', said.get('service')!);
  from.searchParams.set('scope', said.get('scope') ?? `repository:${repository}:pull`);
  const answer = await fetch(from, { headers: login === undefined ? {} : { authorization: login }, signal });
  if (!answer.ok) return undefined;
  const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
  return `Bearer ${token ?? access_token ?? ''}`;
}

/** What `docker login` wrote down. Helpers that keep logins elsewhere are not started: a look starts nothing it need not. */
function loginFor(account: string): string | undefined {
  try {
    const folder = process.env['DOCKER_CONFIG'] || join(homedir(), '.docker');
    const { auths } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      auths?: Record<string, { auth?: string }>;
    };
    const auth = auths?.[account]?.auth;
    return auth ? `Basic ${auth}` : undefined;
  } catch {
    return undefined;
  }
}

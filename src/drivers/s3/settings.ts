import { ConfigError } from '../../core/error.js';
import { type Address, addressOf, awsEndpoint, canBeHost, type Endpoint } from './address.js';
import type { Credentials } from './credentials.js';
import { type Environment, type Profile, profileName, type ReadText, readProfile } from './profile.js';

export interface Timeouts {
  /** Until the connection stands, TLS included. */
  readonly connectMs: number;
  /** From the request's last byte until the answer's first. */
  readonly firstByteMs: number;
  /** Between two pieces, in either direction. */
  readonly idleMs: number;
  /** For a whole exchange; bodies get a second more for every 64 KiB. Time the reader of a body takes is not counted. */
  readonly totalMs: number;
}

export interface S3Options {
  readonly bucket: string;
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
  readonly profile?: string | undefined;
  /** Path of a PEM with more authorities, trusted for this store only. */
  readonly ca?: string | undefined;
  readonly requesterPays?: boolean | undefined;
  readonly credentials?: Credentials | undefined;
  readonly wire?: 'lean' | 'sdk' | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly now?: (() => number) | undefined;
}

export interface Settings {
  readonly bucket: string;
  /** As in `s3://bucket`. */
  readonly name: string;
  readonly region: string;
  readonly endpoint: Endpoint;
  /** Not AWS's own address: what AWS promises may not hold there. */
  readonly custom: boolean;
  readonly pathStyle: boolean;
  readonly address: Address;
  readonly profile: string;
  /** The profile was named for this store, so that keys in the environment are not meant. */
  readonly profileNamed: boolean;
  readonly ca: string | undefined;
  readonly requesterPays: boolean;
  readonly timeouts: Timeouts;
  readonly now: () => number;
}

const TIMEOUTS: Timeouts = { connectMs: 10_000, firstByteMs: 60_000, idleMs: 30_000, totalMs: 120_000 };

/** What holds for one store: its options, else the environment, else the profile, else AWS's defaults. */
export function resolveSettings(options: S3Options, env: Environment, readText: ReadText): Settings {
  const name = profileName(options.profile, env);
  let read: Profile | undefined;
  // Read only if asked for: most stores are told everything, and a start costs less than a millisecond then.
  const profile = (): Profile => {
    read ??= readProfile(name, env, readText);
    return read;
  };
  const region =
    options.region || env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || profile().config['region'] || 'us-east-1';
  const given = options.endpoint || configuredEndpoint(env, profile);
  const endpoint = given ? parseEndpoint(given) : awsEndpoint(region);
  const custom = given !== undefined;
  const pathStyle = options.pathStyle ?? (custom || !canBeHost(options.bucket));
  return {
    bucket: options.bucket,
    name: `s3://${options.bucket}`,
    region,
    endpoint,
    custom,
    pathStyle,
    address: addressOf(endpoint, options.bucket, pathStyle),
    profile: name,
    profileNamed: Boolean(options.profile),
    ca: options.ca || env['AWS_CA_BUNDLE'] || undefined,
    requesterPays: options.requesterPays ?? false,
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    now: options.now ?? Date.now,
  };
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html */
function configuredEndpoint(env: Environment, profile: () => Profile): string | undefined {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined;
  return (
    env['AWS_ENDPOINT_URL_S3'] ||
    env['AWS_ENDPOINT_URL'] ||
    profile().services['s3.endpoint_url'] ||
    profile().config['endpoint_url'] ||
    undefined
  );
}

function parseEndpoint(text: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const protocol = url?.protocol;
  if (!url || (protocol !== 'http:' && protocol !== 'https:')) throw badEndpoint('it is no http(s) address');
  // The address itself is not repeated: it would carry the secret into logs.
  if (url.username || url.password) throw badEndpoint('it must not hold a user or password');
  if (url.search || url.hash) throw badEndpoint('it must not hold a query or fragment');
  return {
    protocol,
    hostname: url.hostname,
    port: url.port === '' ? undefined : Number(url.port),
    path: url.pathname.replace(/\/+$/, ''),
  };
}

function badEndpoint(why: string): ConfigError {
  return new ConfigError('config/bad-endpoint', `the S3 endpoint cannot be used: ${why}`, {
    hint: 'write it as https://host:port',
  });
}

/** For people: `doctor`. */
export function describeSettings({
  endpoint,
  custom,
  region,
  pathStyle,
  requesterPays,
}: Settings): readonly (readonly [string, string])[] {
  return [
    ['kind', custom ? 'S3, at an address of its own' : 'AWS S3'],
    [
      'endpoint',
      `${endpoint.protocol}//${endpoint.hostname}${endpoint.port === undefined ? '' : `:${endpoint.port}`}${endpoint.path}`,
    ],
    ['region', region],
    ['addressing', pathStyle ? 'path style' : 'virtual host'],
    ...(requesterPays ? [['requester pays', 'yes'] as const] : []),
  ];
}

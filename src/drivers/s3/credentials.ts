import { StoreError } from '../../core/error.js';
import { orAborted } from '../../store/deadline.js';
import { type Environment, type ReadText, readProfile } from './profile.js';
import type { Settings } from './settings.js';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}
export interface Lent extends Credentials {
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | undefined;
}

export interface CredentialSource {
  /** Until the signal; what a service has not answered by then is asked for afresh by the next call. */
  get(signal?: AbortSignal): Promise<Credentials>;
  /** After the server called them expired: true if others could be had, so that asking again makes sense. */
  renew(used: Credentials, signal?: AbortSignal): Promise<boolean>;
}

const MARGIN = 5 * 60_000;
const MOMENT = 30_000;

interface CredentialOptions {
  readonly settings: Settings;
  readonly env: Environment;
  readonly readText: ReadText;
  readonly explicit?: Credentials | undefined;
  /** The long way round, replaced in tests. */
  readonly chain?: (settings: Settings) => Promise<Lent>;
}

/** Explicit keys, else the environment's, else the profile's; only what needs a service is left to the SDK. */
export function createCredentials(options: CredentialOptions): CredentialSource {
  const { settings, chain = askSdk } = options;
  let held: Lent | undefined;
  let goodUntil = 0;
  let pending: Promise<Lent> | undefined;
  /** Counts renewals: what was asked for before one may be what it was called for. */
  let era = 0;

  async function find(): Promise<Lent> {
    const near = findStatic(options);
    if (near) return near;
    try {
      return await chain(settings);
    } catch (cause) {
      // Only the message: a provider's error can hold its answer, and that the keys.
      const why = cause instanceof Error ? cause.message : String(cause);
      throw noCredentials(settings, why);
    }
  }
  function ask(): Promise<Lent> {
    const asked = era;
    const work = find()
      .then((found) => {
        // Also where nobody waited for it any more: a slow provider's answer serves the next call.
        if (asked === era) {
          held = found;
          goodUntil = keepUntil(found.expiresAt, settings.now());
        }
        return found;
      })
      .finally(() => {
        if (pending === work) pending = undefined;
      });
    return work;
  }
  async function fetch(signal: AbortSignal | undefined): Promise<Lent> {
    pending ??= ask();
    const work = pending;
    try {
      return await orAborted(work, signal);
    } catch (error) {
      // A provider can hang for good, and would take every later call with it.
      if (signal?.aborted && pending === work) pending = undefined;
      throw error;
    }
  }

  return {
    async get(signal) {
      if (held && goodUntil > settings.now()) return held;
      return fetch(signal);
    },
    async renew(used, signal) {
      // Another call may have renewed them meanwhile.
      if (held && !same(held, used)) return true;
      if (held) {
        held = undefined;
        era += 1;
        pending = undefined;
      }
      return !same(await fetch(signal), used);
    },
  };
}

/** Five minutes before they expire; those lent for less are kept for a moment, not asked for with every request. */
function keepUntil(expiresAt: number | undefined, now: number): number {
  if (expiresAt === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(expiresAt - MARGIN, Math.min(expiresAt, now + MOMENT));
}

function findStatic({ settings, env, readText, explicit }: CredentialOptions): Credentials | undefined {
  if (explicit) return explicit;
  // As aws-cli: a profile named on the spot goes before keys in the environment, which goes before AWS_PROFILE.
  if (!settings.profileNamed) {
    const found = keysOf(env, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN');
    if (found) return found;
  }
  const profile = readProfile(settings.profile, env, readText);
  if (settings.profileNamed && !profile.exists) {
    throw noCredentials(settings, `no profile "${settings.profile}" in the AWS config or credentials file`);
  }
  // A role is assumed *with* such keys; used bare they would be another identity.
  if (profile.config['role_arn'] || profile.credentials['role_arn']) return undefined;
  const names = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'] as const;
  return keysOf(profile.credentials, ...names) ?? keysOf(profile.config, ...names);
}

function keysOf(from: Environment, id: string, secret: string, token: string): Credentials | undefined {
  const accessKeyId = from[id];
  const secretAccessKey = from[secret];
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: from[token] || undefined };
}

/** SSO, web identity, roles, processes, containers, instances. */
async function askSdk(settings: Settings): Promise<Lent> {
  const { loadSdk } = await import('./load-sdk.js');
  const { S3Client } = await loadSdk();
  // A profile named to the SDK must exist; the default one need not.
  const profile = settings.profile === 'default' ? {} : { profile: settings.profile };
  const client = new S3Client({ region: settings.region, ...profile });
  try {
    const found = await client.config.credentials();
    return { ...found, expiresAt: found.expiration?.getTime() };
  } finally {
    client.destroy();
  }
}

function same(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId && a.sessionToken === b.sessionToken && a.secretAccessKey === b.secretAccessKey
  );
}

function noCredentials(settings: Settings, why: string): StoreError {
  return new StoreError(
    'store/no-credentials',
    `${settings.name}: no credentials found (${why})`,
    { store: settings.name },
    {
      hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run "aws sso login"',
    },
  );
}

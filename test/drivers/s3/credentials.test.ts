import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createCredentials, type Lent } from '../../../src/drivers/s3/credentials.js';
import { leanWire } from '../../../src/drivers/s3/lean.js';
import { S3Store } from '../../../src/drivers/s3/s3.js';
import { resolveSettings, type S3Options } from '../../../src/drivers/s3/settings.js';
import { complaint, startScripted } from './scripted-server.js';

const FILES: Record<string, string> = {
  '/h/.aws/credentials': `[default]\naws_access_key_id = D\naws_secret_access_key = ds\n[lab]\naws_access_key_id=L\naws_secret_access_key=l#s\naws_session_token=lt\n`,
  '/h/.aws/config': `[profile conf]\naws_access_key_id=C\naws_secret_access_key=cs\n[profile role]\nrole_arn=arn:x\nsource_profile=lab\naws_access_key_id=R\naws_secret_access_key=rs\n[profile sso]\nsso_session=x\n`,
};
const ENV = { AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'es', AWS_SESSION_TOKEN: 'et' };

function source(options: Partial<S3Options>, env: Record<string, string>, chain?: () => Promise<Lent>, now = () => 0) {
  const full = { HOME: '/h', ...env };
  const readText = (path: string) => FILES[path];
  const settings = resolveSettings({ bucket: 'b', region: 'r', endpoint: 'http://x', now, ...options }, full, readText);
  return createCredentials({
    settings,
    env: full,
    readText,
    explicit: options.credentials,
    chain: chain ?? (async () => ({ accessKeyId: 'SDK', secretAccessKey: 's' })),
  });
}

describe('where they come from', () => {
  it.each([
    ['explicit', { credentials: { accessKeyId: 'X', secretAccessKey: 'x' } }, ENV, 'X'],
    ['environment', {}, ENV, 'E'],
    ['environment before AWS_PROFILE', {}, { ...ENV, AWS_PROFILE: 'lab' }, 'E'],
    ['a named profile before the environment', { profile: 'lab' }, ENV, 'L'],
    ['half an environment is none', {}, { AWS_ACCESS_KEY_ID: 'E' }, 'D'],
    ['AWS_PROFILE', {}, { AWS_PROFILE: 'lab' }, 'L'],
    ['keys in the config file', { profile: 'conf' }, {}, 'C'],
    ['a role is not its keys', { profile: 'role' }, {}, 'SDK'],
    ['sso', { profile: 'sso' }, {}, 'SDK'],
    ['nothing written', {}, { HOME: '/empty' }, 'SDK'],
  ] as const)('%s', async (_, options, env, id) => {
    expect((await source(options, env as never).get()).accessKeyId).toBe(id);
  });
  it('keeps a secret with # and its token', async () => {
    expect(await source({ profile: 'lab' }, {}).get()).toMatchObject({ secretAccessKey: 'l#s', sessionToken: 'lt' });
  });
});

describe('none', () => {
  it('says so, with a hint', async () => {
    const none = source({}, { HOME: '/empty' }, () => Promise.reject(new Error('no provider')));
    await expect(none.get()).rejects.toMatchObject({
      code: 'store/no-credentials',
      hint: expect.stringContaining('AWS_'),
    });
  });
  it('names a profile that is not there', async () => {
    const error = { code: 'store/no-credentials', message: expect.stringContaining('"nope"') };
    await expect(source({ profile: 'nope' }, ENV).get()).rejects.toMatchObject(error);
  });
});

describe('lent ones', () => {
  function lending() {
    let asked = 0;
    let now = 0;
    const chain = async () => ({ accessKeyId: `K${++asked}`, secretAccessKey: 's', expiresAt: now + 3_600_000 });
    const held = source({}, { HOME: '/empty' }, chain, () => now);
    return { held, asked: () => asked, at: (minutes: number) => (now = minutes * 60_000) };
  }
  it('are kept until five minutes before they end, and asked for once', async () => {
    const { held, asked, at } = lending();
    await Promise.all([held.get(), held.get()]);
    at(54);
    await held.get();
    expect(asked()).toBe(1);
    at(56);
    expect((await held.get()).accessKeyId).toBe('K2');
  });
  it('are renewed once for many calls that found them expired', async () => {
    const { held, asked } = lending();
    const used = await held.get();
    expect(await Promise.all([held.renew(used), held.renew(used)])).toEqual([true, true]);
    expect(await held.renew(used)).toBe(true);
    expect(asked()).toBe(2);
  });
  it('a provider that hangs holds nobody beyond his signal, and the next call asks afresh', async () => {
    let asked = 0;
    let expired = false;
    const lent = () => ({ accessKeyId: `K${asked}`, secretAccessKey: 's' });
    const chain = () => {
      asked += 1;
      return asked === 1 || (expired && asked === 3) ? new Promise<Lent>(() => {}) : Promise.resolve(lent());
    };
    const held = source({}, { HOME: '/empty' }, chain);
    await expect(held.get(AbortSignal.timeout(20))).rejects.toThrow(/time/);
    const used = await held.get(AbortSignal.timeout(5000));
    expect(used.accessKeyId).toBe('K2');
    expired = true;
    await expect(held.renew(used, AbortSignal.timeout(20))).rejects.toThrow(/time/);
    expect(await held.renew(used, AbortSignal.timeout(5000))).toBe(true);
    expect((await held.get()).accessKeyId).toBe('K4');
  });
  it('a slow answer that nobody waited for serves the next call, unless it is of before a renewal', async () => {
    const answers: ((found: Lent) => void)[] = [];
    const held = source({}, { HOME: '/empty' }, () => new Promise<Lent>((resolve) => answers.push(resolve)));
    const give = async (nth: number, id: string) => {
      answers[nth]!({ accessKeyId: id, secretAccessKey: 's' });
      await new Promise((resolve) => setImmediate(resolve));
    };
    await expect(held.get(AbortSignal.timeout(20))).rejects.toThrow(/time/);
    await expect(held.get(AbortSignal.timeout(20))).rejects.toThrow(/time/);
    await give(1, 'slow');
    const used = await held.get();
    expect(used.accessKeyId).toBe('slow');
    const renewed = held.renew(used);
    await give(0, 'slow');
    await give(2, 'new');
    expect(await renewed).toBe(true);
    expect((await held.get()).accessKeyId).toBe('new');
  });
  it('a renewal that hangs ends with the call that needs it', async () => {
    const server = await startScripted(() => ({ status: 400, body: complaint('ExpiredToken') }));
    const settings = resolveSettings(
      { bucket: 'b', endpoint: server.endpoint, region: 'r', timeouts: { totalMs: 300 } },
      {},
      () => undefined,
    );
    const keys = { accessKeyId: 'a', secretAccessKey: 's' };
    let first = true;
    const held = createCredentials({
      settings: { ...settings, profile: 'none' },
      env: { HOME: '/empty' },
      readText: () => undefined,
      chain: () => {
        const given = first;
        first = false;
        return given ? Promise.resolve(keys) : new Promise(() => {});
      },
    });
    const store = new S3Store(settings, held, leanWire(settings, held));
    const began = performance.now();
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      facts: { status: 'ETIMEDOUT' },
    });
    expect(performance.now() - began).toBeLessThan(3000);
    await store.close();
    await server.close();
  });
  it('static ones cannot be renewed', async () => {
    const held = source({}, ENV);
    expect(await held.renew(await held.get())).toBe(false);
  });
});

describe("the SDK's own chain", () => {
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-chain-'));
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  it('runs a credential process', async () => {
    const config = join(folder, 'config');
    const expires = '2099-01-01T00:00:00.000Z';
    const lent = { Version: 1, AccessKeyId: 'P', SecretAccessKey: 'ps', SessionToken: 'pt', Expiration: expires };
    writeFileSync(join(folder, 'lent.json'), JSON.stringify(lent));
    writeFileSync(config, `[profile proc]\ncredential_process = cat ${join(folder, 'lent.json')}\n`);
    vi.stubEnv('AWS_CONFIG_FILE', config);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'none'));
    const readText = (path: string) => (path === config ? `[profile proc]\ncredential_process = x\n` : undefined);
    const settings = resolveSettings({ bucket: 'b', region: 'r', endpoint: 'http://x', profile: 'proc' }, {}, readText);
    const source = createCredentials({ settings, env: { AWS_CONFIG_FILE: config }, readText });
    expect(await source.get()).toMatchObject({ accessKeyId: 'P', sessionToken: 'pt', expiresAt: Date.parse(expires) });
  });
});

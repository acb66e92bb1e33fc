import { afterEach, describe, expect, it } from 'vitest';
import type { StoreError } from '../../../src/core/error.js';
import { s3Store } from '../../../src/drivers/s3/s3.js';
import type { Store } from '../../../src/store/store.js';
import { type Act, NOW, rows } from './judgement-rows.js';
import { complaint, EMPTY_LIST, isList, type Scripted, startScripted } from './scripted-server.js';

const SECRETS = { accessKeyId: 'AKID', secretAccessKey: 'verysecret', sessionToken: 'tokentoken' };

async function perform(store: Store, act: Act): Promise<unknown> {
  switch (act) {
    case 'head':
    case 'read':
    case 'remove':
      return store[act]('k');
    case 'write':
    case 'claim':
      return store.write('k', Buffer.from('body'), { ifAbsent: act === 'claim' });
    case 'list':
      return collect(store.list(''));
    case 'uploads':
      return collect(store.abilities.uploads!.openUploads(''));
    default:
      return act satisfies never;
  }
}
async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of from) all.push(one);
  return all;
}

let server: Scripted | undefined;
let store: Store | undefined;
afterEach(async () => {
  await store?.close();
  await server?.close();
});

for (const wire of ['lean', 'sdk'] as const) {
  describe(`what an answer means, ${wire}`, () => {
    it.each(rows)('$name ($act)', async ({ act, reply, code, value, facts, says, hint, options }) => {
      // Whether the bucket is there is asked before a first write; only the rows about that answer it themselves.
      server = await startScripted((asked) => {
        const first = act === 'write' || act === 'claim';
        const said = reply(asked);
        return first && isList(asked) && !said.body?.includes('NoSuchBucket') ? { body: EMPTY_LIST } : said;
      });
      store = s3Store({
        bucket: 'b',
        endpoint: server.endpoint,
        region: 'us-east-1',
        credentials: SECRETS,
        wire,
        now: () => NOW,
        ...options,
      });
      const outcome = await perform(store, act).then(
        (result) => ({ result }),
        (error: StoreError) => ({ error }),
      );
      if (code === undefined) return expect(outcome).toEqual({ result: value });
      const error = 'error' in outcome ? outcome.error : expect.fail(`got ${JSON.stringify(outcome)}`);
      expect(error).toMatchObject({ code, facts: { store: 's3://b', ...facts } });
      if (facts && !('unclear' in facts)) expect(error.facts.unclear).toBeUndefined();
      if (says) expect(error.message).toMatch(says);
      if (hint) expect(error.hint).toMatch(hint);
    });
  });
}

it('no error tells a secret, even if the server repeats what it was sent', async () => {
  server = await startScripted(({ headers }) => ({
    status: 403,
    body: complaint(
      'SignatureDoesNotMatch',
      `<StringToSign>${headers['x-amz-security-token']}</StringToSign>`,
      `You sent ${headers.authorization}`,
    ),
  }));
  for (const wire of ['lean', 'sdk'] as const) {
    store = s3Store({ bucket: 'b', endpoint: server.endpoint, region: 'us-east-1', credentials: SECRETS, wire });
    const error = (await store.head('k').catch((thrown: unknown) => thrown)) as StoreError;
    const all = JSON.stringify([
      error.message,
      error.hint,
      error.facts,
      error.stack,
      String(error.cause),
      { ...error },
    ]);
    expect(all).toContain('SignatureDoesNotMatch');
    expect(all).not.toMatch(/verysecret|tokentoken|Signature=|AWS4-HMAC/);
    await store.close();
  }
});

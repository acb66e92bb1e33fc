import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/drivers/memory.js';
import { limited } from '../../src/store/limit.js';
import { observed, StoreCounts } from '../../src/store/observe.js';
import { type RetryOptions, retrying } from '../../src/store/retry.js';
import { settling } from '../../src/store/settle.js';
import type { Abilities, CallOptions, Store } from '../../src/store/store.js';
import { collect, never, retryable } from './fakes.js';
import { VirtualTime } from './virtual-time.js';

/** A store whose every ability asks `act` first. */
function able(act: (what: string, options: CallOptions | undefined) => Promise<unknown> | undefined): Store {
  const abilities: Abilities = {
    uploads: {
      async *openUploads(prefix, options) {
        await act('uploads', options);
        yield { key: `${prefix}1`, startedAt: 1 };
        await act('more uploads', options);
        yield { key: `${prefix}2`, startedAt: 2 };
      },
    },
    multipart: {
      begin: async (key, options) => {
        await act('begin', options);
        return { key, id: '1' };
      },
      part: async (_upload, _number, _body, options) => {
        await act('part', options);
        return 'tag';
      },
      complete: async (_upload, _tags, options) => {
        await act('complete', options);
        return { etag: 'whole' };
      },
      abort: async (_upload, options) => {
        await act('abort', options);
      },
    },
    folders: {
      folders: async (tree, options) => {
        await act('folders', options);
        return [{ name: tree, modifiedAt: 1 }];
      },
      names: async (tree, options) => {
        await act('names', options);
        return [tree];
      },
    },
    describe: async (options) => {
      await act('describe', options);
      return [['kind', 'fake']];
    },
    clock: async (options) => {
      await act('clock', options);
      return { offsetMs: 1, uncertaintyMs: 1 };
    },
  };
  return { ...memoryStore(), abilities };
}

const uses: Readonly<Record<string, (store: Store, options?: CallOptions) => Promise<unknown>>> = {
  uploads: (store, options) => collect(store.abilities.uploads!.openUploads('u', options)),
  begin: (store, options) => store.abilities.multipart!.begin('m', options),
  part: (store, options) => store.abilities.multipart!.part({ key: 'm', id: '1' }, 1, new Uint8Array(), options),
  abort: (store, options) => store.abilities.multipart!.abort({ key: 'm', id: '1' }, options),
  folders: (store, options) => store.abilities.folders!.folders('f', options),
  names: (store, options) => store.abilities.folders!.names('f', options),
  describe: (store, options) => store.abilities.describe!(options),
  clock: (store, options) => store.abilities.clock!(options),
};

function patient(store: Store, options: RetryOptions = {}) {
  const time = new VirtualTime();
  const waits = { baseMs: 100, deadlineMs: 10_000, random: () => 0.5, sleep: time.sleep, now: time.now };
  return { time, store: retrying(store, { ...waits, ...options }) };
}

describe('abilities behind wrappers', () => {
  test.each(Object.entries(uses))('%s: repeated after a failure that says it may pass', async (_, use) => {
    let calls = 0;
    const { store, time } = patient(able(() => (++calls <= 2 ? Promise.reject(retryable()) : undefined)));
    await time.run(use(store));
    expect(calls).toBeGreaterThanOrEqual(3);
    expect(time.now()).toBe(50 + 100);
  });

  test.each(Object.entries(uses))('%s: ends by the deadline, even where it is deaf', async (_, use) => {
    const { store, time } = patient(able(() => never()));
    await expect(time.run(use(store))).rejects.toMatchObject({ code: 'store/unavailable' });
    expect(time.now()).toBe(10_000);
  });

  test.each(Object.entries(uses))('%s: the caller’s abort ends it with his reason', async (_, use) => {
    const { store, time } = patient(able(() => never()));
    const stop = new AbortController();
    void time.sleep(100).then(() => stop.abort(new Error('enough')));
    await expect(time.run(use(store, { signal: stop.signal }))).rejects.toThrow('enough');
  });

  test('uploads that were begun to be told are not told twice: nobody knows where the list broke off', async () => {
    let broken = 0;
    const inner = able((what) => (what === 'more uploads' && broken++ === 0 ? Promise.reject(retryable()) : undefined));
    const { store, time } = patient(inner);
    const seen: string[] = [];
    const tell = async () => {
      for await (const { key } of store.abilities.uploads!.openUploads('u')) seen.push(key);
    };
    await expect(time.run(tell())).rejects.toMatchObject({ code: 'store/unavailable' });
    expect(seen).toEqual(['u1']);
  });

  test.each(Object.entries(uses))('%s: takes a place among the calls under way', async (_, use) => {
    let now = 0;
    let most = 0;
    const inner = able(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
    });
    const store = limited(inner, { concurrency: 2 });
    await Promise.all(Array.from({ length: 6 }, () => use(store)));
    expect(most).toBe(2);
  });

  test('are counted, with what they found and how they failed', async () => {
    const counts = new StoreCounts();
    await Promise.all(
      Object.values(uses).map((use) =>
        use(
          observed(
            able(() => undefined),
            { counts },
          ),
        ),
      ),
    );
    const broken = observed(
      able(() => Promise.reject(retryable())),
      { counts },
    );
    await expect(uses['folders']!(broken)).rejects.toThrow();
    expect(counts.snapshot()).toMatchObject({
      calls: { uploads: 1, folders: 2, clock: 1, list: 1 },
      listed: 4,
      errors: { 'store/unavailable': 1 },
    });
  });

  test('what the inner store cannot do no wrapper promises', () => {
    const plain = observed(settling(retrying(limited(memoryStore(), { concurrency: 1 }))), {});
    expect(plain.abilities).toEqual({});
  });
});

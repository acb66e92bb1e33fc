import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/drivers/memory.js';
import { forward } from '../../src/store/forward.js';
import { type RetryOptions, retrying } from '../../src/store/retry.js';
import type { ReadOptions, Store } from '../../src/store/store.js';
import { bytes, collect, never, readAll, retryable, type Script, scripted, storeError } from './fakes.js';
import { VirtualTime } from './virtual-time.js';

function patient(inner: Store, script: Script, options: RetryOptions = {}) {
  const time = new VirtualTime();
  const { store, calls } = scripted(inner, script);
  const retried = retrying(store, {
    attempts: 4,
    baseMs: 100,
    capMs: 1000,
    deadlineMs: 10_000,
    random: () => 0.5,
    sleep: time.sleep,
    now: time.now,
    ...options,
  });
  return { time, calls, store: retried };
}

const firstTwo: Script = (_verb, _key, call) => (call <= 2 ? retryable() : undefined);

describe('retrying', () => {
  test('every call that may be repeated gets through two failures, after pauses that grow', async () => {
    for (const call of [
      (store: Store) => store.head('a'),
      (store: Store) => store.read('a'),
      (store: Store) => store.write('a', bytes('x')),
      (store: Store) => store.remove('a'),
    ]) {
      const { store, calls, time } = patient(memoryStore(), firstTwo);
      await time.run<unknown>(call(store));
      expect(calls).toHaveLength(3);
      expect(time.now()).toBe(50 + 100);
    }
  });

  test('an exclusive write is tried once: its repeat would be refused by its own success', async () => {
    const { store, calls, time } = patient(memoryStore(), firstTwo);
    await expect(time.run(store.write('a', bytes('x'), { ifAbsent: true }))).rejects.toThrow('unavailable');
    expect(calls).toHaveLength(1);
  });

  test.each([
    storeError('store/denied'),
    storeError('store/unavailable'),
    storeError('store/bad-key'),
    new TypeError('a bug'),
  ])('what does not say that it is worth another try is thrown as it is: %s', async (error) => {
    const { store, calls, time } = patient(memoryStore(), () => error);
    await expect(time.run(store.head('a'))).rejects.toBe(error);
    expect(calls).toHaveLength(1);
  });

  test('the last error is thrown when the attempts are used up; a stale handle has three', async () => {
    const all = patient(memoryStore(), () => retryable({ status: 503 }));
    await expect(all.time.run(all.store.head('a'))).rejects.toMatchObject({ facts: { status: 503 } });
    expect(all.calls).toHaveLength(4);
    const stale = patient(memoryStore(), () => retryable({ status: 'ESTALE' }));
    await expect(stale.time.run(stale.store.head('a'))).rejects.toMatchObject({ facts: { status: 'ESTALE' } });
    expect(stale.calls).toHaveLength(3);
  });

  test('a lost answer to an earlier try stays in the error of a later one', async () => {
    const { store, time } = patient(memoryStore(), (_verb, _key, call) =>
      call === 1 ? retryable({ unclear: true }) : storeError('store/denied'),
    );
    await expect(time.run(store.write('a', bytes('x')))).rejects.toMatchObject({
      code: 'store/denied',
      facts: { unclear: true },
    });
  });

  test('a hanging attempt ends by the deadline even if it is deaf; of a change it is unclear what was done', async () => {
    const { store, calls, time } = patient(memoryStore(), () => 'hang');
    await expect(time.run(store.head('a'))).rejects.toMatchObject({
      code: 'store/unavailable',
      facts: { unclear: false },
    });
    expect(time.now()).toBe(10_000);
    await expect(time.run(store.write('a', bytes('x')))).rejects.toMatchObject({ facts: { unclear: true } });
    expect(time.now()).toBe(20_000);
    expect(calls).toHaveLength(2);
    expect(time.waiting).toBe(0);
  });

  test('with a share for each attempt, one lost answer costs that share', async () => {
    const { store, time } = patient(memoryStore(), (_v, _k, call) => (call === 1 ? 'hang' : undefined), {
      attemptMs: 500,
    });
    await time.run(store.head('a'));
    expect(time.now()).toBe(550);
  });

  test('nothing outlasts the deadline, pauses included', async () => {
    const { store, time } = patient(memoryStore(), () => retryable(), { attempts: 1000, baseMs: 900, capMs: 900 });
    await expect(time.run(store.head('a'))).rejects.toThrow('unavailable');
    expect(time.now()).toBeLessThanOrEqual(10_000);
    expect(time.now()).toBeGreaterThan(9_000);
  });

  test('a dead store is not hammered: a hundred callers share one budget, and it fills again', async () => {
    const { store, calls, time } = patient(memoryStore(), () => retryable(), {
      budget: { capacity: 10, perSecond: 1 },
    });
    await time.run(Promise.allSettled(Array.from({ length: 100 }, () => store.head('a'))));
    expect(calls).toHaveLength(110);
    await time.run(time.sleep(5_000));
    calls.length = 0;
    await time.run(Promise.allSettled(Array.from({ length: 100 }, () => store.head('a'))));
    expect(calls).toHaveLength(105);
  });

  test('the caller’s abort ends a pause and a hanging attempt at once, with his reason', async () => {
    for (const fault of [retryable(), 'hang' as const]) {
      const { store, time } = patient(memoryStore(), () => fault, { baseMs: 9000, capMs: 9000 });
      const controller = new AbortController();
      void time.sleep(100).then(() => controller.abort(new Error('enough')));
      await expect(time.run(store.head('a', { signal: controller.signal }))).rejects.toThrow('enough');
      expect(time.now()).toBe(100);
    }
  });
});

/** A store whose bodies and listings break after so many pieces, each time they are opened, while the script says so. */
function brittle(inner: Store, breaks: (opened: number) => number | 'hang' | undefined) {
  let opened = 0;
  const reads: ReadOptions[] = [];
  async function* cut<T>(items: Iterable<T> | AsyncIterable<T>, after: ReturnType<typeof breaks>) {
    let given = 0;
    for await (const item of items) {
      if (after === 'hang') await never();
      if (after === given++) throw retryable();
      yield item;
    }
  }
  const store = forward(inner, {
    async read(key, options) {
      reads.push(options ?? {});
      const found = await inner.read(key, options);
      if (!found) return undefined;
      const whole = Buffer.concat(await collect(found.body));
      const pieces = whole.toString().match(/.{1,2}/gs) ?? [];
      return { head: found.head, body: cut(pieces.map(bytes), breaks(opened++)) };
    },
    list: (prefix, options) => cut(inner.list(prefix, options), breaks(opened++)),
  });
  return { store, reads };
}

describe('retrying streams', () => {
  test('a body that is cut goes on where it was cut, of the same object', async () => {
    const memory = memoryStore();
    await memory.write('a', bytes('0123456789'));
    const { store: inner, reads } = brittle(memory, (opened) => (opened < 3 ? 1 : undefined));
    const { store, time } = patient(inner, () => undefined);
    expect(await time.run(readAll(store, 'a'))).toBe('0123456789');
    expect(reads.map(({ offset }) => offset)).toEqual([undefined, 2, 4, 6]);
    const found = await store.read('a', { offset: 1, length: 5 });
    expect(Buffer.concat(await time.run(collect(found!.body))).toString()).toBe('12345');
  });

  test('a body that ends before its size is cut, whatever its driver says; one that goes on is no answer', async () => {
    const memory = memoryStore();
    await memory.write('a', bytes('0123456789'));
    let opened = 0;
    const ending = (text: (options: ReadOptions, opened: number) => string) =>
      forward(memory, {
        read: async (key, options = {}) => {
          const head = (await memory.head(key))!;
          const pieces = [bytes(text(options, opened++))];
          return {
            head,
            body: (async function* () {
              yield* pieces;
            })(),
          };
        },
      });
    const rest = ({ offset = 0 }: ReadOptions) => '0123456789'.slice(offset);
    const healed = patient(
      ending((options, nth) => rest(options).slice(0, nth === 0 ? 4 : nth === 1 ? 3 : 99)),
      () => undefined,
    );
    expect(await healed.time.run(readAll(healed.store, 'a'))).toBe('0123456789');
    expect(opened).toBe(3);
    const short = patient(
      ending((options) => rest(options).slice(0, 1).replace('4', '')),
      () => undefined,
    );
    const wrong = { code: 'store/bad-answer', message: expect.stringContaining('4 bytes came, not 10') };
    await expect(short.time.run(readAll(short.store, 'a'))).rejects.toMatchObject(wrong);
    // A server that ignores the range of the second request sends everything again.
    opened = 0;
    const again = patient(
      ending((_, nth) => (nth === 0 ? '0123' : '0123456789')),
      () => undefined,
    );
    await expect(again.time.run(readAll(again.store, 'a'))).rejects.toMatchObject({ code: 'store/bad-answer' });
    const part = await healed.store.read('a', { offset: 8, length: 5 });
    expect(Buffer.concat(await healed.time.run(collect(part!.body))).toString()).toBe('89');
  });

  test('of another object the tail is never taken', async () => {
    const memory = memoryStore();
    await memory.write('a', bytes('0123456789'));
    const { store: inner } = brittle(memory, (opened) => (opened === 0 ? 2 : undefined));
    const { store, time } = patient(inner, () => undefined);
    const found = await store.read('a');
    await memory.write('a', bytes('abcdefghij'));
    await expect(time.run(collect(found!.body))).rejects.toMatchObject({ code: 'store/conflict' });
  });

  test('without a tag nobody can tell, and the cut is the answer', async () => {
    const memory = memoryStore();
    await memory.write('a', bytes('0123456789'));
    const { store: inner, reads } = brittle(memory, () => 2);
    const bare = forward(inner, {
      async read(key, options) {
        const found = await inner.read(key, options);
        const { etag: _, ...head } = found!.head;
        return { ...found!, head };
      },
    });
    const { store, time } = patient(bare, () => undefined);
    await expect(time.run(readAll(store, 'a'))).rejects.toMatchObject({ code: 'store/unavailable' });
    expect(reads).toHaveLength(1);
  });

  test('a body that stalls is opened again after its share, and ends by the deadline', async () => {
    const memory = memoryStore();
    await memory.write('a', bytes('0123'));
    const once = patient(brittle(memory, (opened) => (opened === 0 ? 'hang' : undefined)).store, () => undefined, {
      attemptMs: 500,
    });
    expect(await once.time.run(readAll(once.store, 'a'))).toBe('0123');
    const always = patient(brittle(memory, () => 'hang').store, () => undefined);
    await expect(always.time.run(readAll(always.store, 'a'))).rejects.toMatchObject({ code: 'store/unavailable' });
    expect(always.time.now()).toBe(10_000);
  });

  test('a listing goes on after the last name; each name comes once', async () => {
    const memory = memoryStore();
    const keys = Array.from({ length: 30 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    for (const key of keys) await memory.write(key, bytes('x'));
    const { store: inner } = brittle(memory, (opened) => (opened < 7 ? 3 : undefined));
    const { store, time } = patient(inner, () => undefined);
    expect((await time.run(collect(store.list('k', { after: 'k01' })))).map((head) => head.key)).toEqual(keys.slice(2));
  });

  test('a listing without order is not pieced together', async () => {
    const memory = memoryStore();
    for (const key of ['a', 'b', 'c']) await memory.write(key, bytes('x'));
    const { store: inner } = brittle(memory, (opened) => (opened === 0 ? 1 : undefined));
    const unordered: Store = { ...inner, traits: { ...memory.traits, orderedList: false } };
    const broken = patient(unordered, () => undefined);
    await expect(broken.time.run(collect(broken.store.list('')))).rejects.toThrow('unavailable');
  });

  test('breaking off, and not even beginning, ends what is below', async () => {
    let open = 0;
    const memory = memoryStore();
    await memory.write('a', bytes('x'));
    const inner = forward(memory, {
      async read(key, options) {
        const found = (await memory.read(key, options))!;
        open += 1;
        const body: AsyncIterableIterator<Uint8Array> = {
          [Symbol.asyncIterator]: () => body,
          next: async () => ({ done: false, value: bytes('x') }),
          return: async () => {
            open -= 1;
            return { done: true, value: undefined };
          },
        };
        return { head: found.head, body };
      },
    });
    const { store } = patient(inner, () => undefined);
    for await (const _ of (await store.read('a'))!.body) break;
    await (await store.read('a'))!.body[Symbol.asyncIterator]().return?.();
    expect(open).toBe(0);
  });
});

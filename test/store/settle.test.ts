import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../src/core/error.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { forward } from '../../src/store/forward.js';
import { settling } from '../../src/store/settle.js';
import type { Store, Written } from '../../src/store/store.js';
import { bytes, never, readAll, retryable, scripted, storeError } from './fakes.js';
import { VirtualTime } from './virtual-time.js';

/** What can become of a request and of its answer. `late` arrives after its sender has given up on it. */
const fates = ['fine', 'lost', 'answer-lost', 'late', 'hangs', 'done-and-hangs', 'busy', 'conflict', 'denied'] as const;
type Fate = (typeof fates)[number];

function unreliable(inner: Store, time: VirtualTime, fate: () => { readonly fate: Fate; readonly ms: number }): Store {
  async function send<T>(call: () => Promise<T>): Promise<T> {
    const { fate: what, ms } = fate();
    await time.sleep(ms);
    switch (what) {
      case 'fine':
        return call();
      case 'lost':
        throw retryable({ unclear: true });
      case 'answer-lost':
        await call();
        throw storeError('store/unavailable', { unclear: true });
      case 'late':
        void time.sleep(ms * 7).then(call);
        throw retryable({ unclear: true });
      case 'hangs':
        return never();
      case 'done-and-hangs':
        await call();
        return never();
      case 'busy':
        throw retryable();
      case 'conflict':
        throw storeError('store/conflict');
      case 'denied':
        throw storeError('store/denied');
    }
  }
  // Without the signal: what is on its way is not called back.
  return forward(inner, {
    read: (key) => send(() => inner.read(key)),
    write: (key, body, call) => send(() => inner.write(key, body, { ifAbsent: call?.ifAbsent === true })),
  });
}

describe('settling', () => {
  test('whatever is lost, late or refused, and whoever else writes: an answer is the truth', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ fate: fc.constantFrom(...fates), ms: fc.integer({ min: 0, max: 400 }) }), {
          minLength: 1,
          maxLength: 25,
        }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 10 }),
        async (writers, fate, randoms) => {
          const time = new VirtualTime();
          const memory = memoryStore();
          let sent = 0;
          let drawn = 0;
          const store = settling(
            unreliable(memory, time, () => fate[sent++ % fate.length]!),
            {
              deadlineMs: 5_000,
              sleep: time.sleep,
              now: time.now,
              random: () => randoms[drawn++ % randoms.length]!,
            },
          );
          const answers = await time.run(
            Promise.allSettled(
              Array.from({ length: writers }, (_, i) => store.write('slot', bytes(`writer ${i}`), { ifAbsent: true })),
            ),
          );
          expect(time.now()).toBeLessThanOrEqual(5_000);
          await time.run(time.sleep(100_000));
          const truth = await readAll(memory, 'slot');
          answers.forEach((answer, i) => {
            if (answer.status === 'fulfilled' && answer.value.written) expect(truth).toBe(`writer ${i}`);
            else if (answer.status === 'fulfilled') expect([undefined, `writer ${i}`]).not.toContain(truth);
            else if (isStoreError(answer.reason) && !answer.reason.facts.unclear) expect(truth).not.toBe(`writer ${i}`);
            else expect(answer.reason).toMatchObject({ code: 'store/unavailable' });
          });
        },
      ),
      { numRuns: 2_000 },
    );
  });

  function settled(inner: Store, script: Parameters<typeof scripted>[1]) {
    const time = new VirtualTime();
    const { store, calls } = scripted(inner, script);
    return { time, calls, store: settling(store, { deadlineMs: 1_000, sleep: time.sleep, now: time.now }) };
  }

  test('a win costs no second request, and a lost race one look at who won', async () => {
    const { store, calls, time } = settled(memoryStore(), () => undefined);
    expect(await time.run(store.write('a', bytes('x'), { ifAbsent: true }))).toMatchObject({ written: true });
    expect(await time.run(store.write('a', bytes('y'), { ifAbsent: true }))).toEqual({ written: false });
    expect(calls).toEqual(['write a', 'write a', 'read a']);
  });

  test('our own success, refused to our own repeat, is a success', async () => {
    const memory = memoryStore();
    const lossy = forward(memory, {
      async write(key, body, call): Promise<Written> {
        const answer = await memory.write(key, body, call);
        if (answer.written) throw retryable({ unclear: true });
        return answer;
      },
    });
    const { store, time } = settled(lossy, () => undefined);
    expect(await time.run(store.write('a', bytes('x'), { ifAbsent: true }))).toEqual({
      written: true,
      etag: 'write-1',
    });
  });

  test('a prefix or a continuation of our bytes is not ours', async () => {
    for (const other of ['our', 'ours and more', '']) {
      const memory = memoryStore();
      await memory.write('a', bytes(other));
      const { store, time } = settled(memory, (verb, _key, call) =>
        verb === 'write' && call === 1 ? retryable() : undefined,
      );
      expect(await time.run(store.write('a', bytes('ours'), { ifAbsent: true })), other).toEqual({ written: false });
    }
  });

  test('what cannot be settled ends by the deadline and says so', async () => {
    for (const fault of ['hang' as const, retryable(), storeError('store/bad-answer')]) {
      const { store, time } = settled(memoryStore(), () => fault);
      await expect(time.run(store.write('a', bytes('x'), { ifAbsent: true }))).rejects.toMatchObject({
        code: 'store/unavailable',
        facts: { unclear: true },
      });
      expect(time.now()).toBeLessThanOrEqual(1_000);
    }
  });

  test('a clear refusal of the first request is thrown as it is; after a doubt it settles nothing', async () => {
    const denied = storeError('store/denied');
    const clear = settled(memoryStore(), () => denied);
    await expect(clear.time.run(clear.store.write('a', bytes('x'), { ifAbsent: true }))).rejects.toBe(denied);
    const later = settled(memoryStore(), (_verb, _key, call) => (call === 1 ? retryable() : denied));
    await expect(later.time.run(later.store.write('a', bytes('x'), { ifAbsent: true }))).rejects.toMatchObject({
      code: 'store/unavailable',
      facts: { unclear: true },
      cause: denied,
    });
  });

  test('other calls, and writes without the condition, pass untouched', async () => {
    const { store, calls, time } = settled(memoryStore(), (verb) => (verb === 'write' ? retryable() : undefined));
    await expect(time.run(store.write('a', bytes('x')))).rejects.toThrow('unavailable');
    expect(calls).toEqual(['write a']);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../src/core/error.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { forward } from '../../src/store/forward.js';
import { limited } from '../../src/store/limit.js';
import type { Store } from '../../src/store/store.js';
import { bytes, collect, retryable } from './fakes.js';
import { VirtualTime } from './virtual-time.js';

/** Each call takes some virtual time, and the number under way is watched. */
function slow(time: VirtualTime, inner: Store, ms: () => number, fails: () => boolean = () => false) {
  const seen = { now: 0, most: 0, order: [] as string[] };
  async function act<T>(name: string, call: () => Promise<T>): Promise<T> {
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    seen.order.push(name);
    try {
      await time.sleep(ms());
      if (fails()) throw retryable();
      return await call();
    } finally {
      seen.now -= 1;
    }
  }
  const store = forward(inner, {
    head: (key, call) => act(key, () => inner.head(key, call)),
    read: (key, call) => act(key, () => inner.read(key, call)),
    write: (key, body, call) => act(key, () => inner.write(key, body, call)),
    list(prefix, call) {
      const heads = inner.list(prefix, call)[Symbol.asyncIterator]();
      return { [Symbol.asyncIterator]: () => ({ next: () => act(prefix, () => heads.next()) }) };
    },
  });
  return { store, seen };
}

describe('limited', () => {
  test('never more than N, none lost, whatever is done, fails or is given up', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(
          fc.record({
            verb: fc.constantFrom('head', 'read', 'list', 'write'),
            ms: fc.integer({ min: 0, max: 20 }),
            fails: fc.boolean(),
            abortAt: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
          }),
          { maxLength: 30 },
        ),
        async (concurrency, tasks) => {
          const time = new VirtualTime();
          const memory = memoryStore();
          for (const key of ['a', 'b', 'c']) await memory.write(key, bytes(key));
          let at = 0;
          let calm = false;
          const { store, seen } = slow(
            time,
            memory,
            () => (calm ? 1 : tasks[at++ % tasks.length]!.ms),
            () => !calm && tasks[at % tasks.length]!.fails,
          );
          const limit = limited(store, { concurrency });
          const work = tasks.map(async ({ verb, abortAt }) => {
            const controller = new AbortController();
            const call = { signal: controller.signal };
            if (abortAt !== undefined) void time.sleep(abortAt).then(() => controller.abort(new Error('given up')));
            if (verb === 'head') return limit.head('a', call);
            if (verb === 'write') return limit.write('d', bytes('d'), call);
            if (verb === 'list') return collect(limit.list('', call));
            const found = await limit.read('b', call);
            return found && collect(found.body);
          });
          await time.run(Promise.allSettled(work));
          expect(seen.most).toBeLessThanOrEqual(concurrency);
          expect(seen.now).toBe(0);
          // Every place came back: so many run at once again, and no more.
          calm = true;
          seen.most = 0;
          await time.run(Promise.all(Array.from({ length: 2 * concurrency }, () => limit.head('c'))));
          expect(seen.most).toBe(concurrency);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('first come, first served: a newcomer does not overtake the line', async () => {
    const time = new VirtualTime();
    const { store, seen } = slow(time, memoryStore(), () => 5);
    const limit = limited(store, { concurrency: 2 });
    const late = time.sleep(5).then(() => limit.head('late'));
    await time.run(Promise.all([...'abcdef'].map((key) => limit.head(key)).concat(late)));
    expect(seen.order.join('')).toBe('abcdeflate');
  });

  test('with one place, who lists and asks about each name does not lock himself out', async () => {
    const time = new VirtualTime();
    const memory = memoryStore();
    for (const key of ['a', 'b', 'c']) await memory.write(key, bytes(key));
    const { store } = slow(time, memory, () => 1);
    const limit = limited(store, { concurrency: 1 });
    const sizes: number[] = [];
    await time.run(
      (async () => {
        for await (const head of limit.list('')) {
          const found = (await limit.read(head.key))!;
          for await (const piece of found.body) sizes.push(piece.length + ((await limit.head('a'))?.size ?? 9));
        }
      })(),
    );
    expect(sizes).toEqual([2, 2, 2]);
  });

  test('an abort leaves the line at once and takes nobody’s place', async () => {
    const time = new VirtualTime();
    const { store, seen } = slow(time, memoryStore(), () => 10);
    const limit = limited(store, { concurrency: 1 });
    const controller = new AbortController();
    const first = limit.head('first');
    const second = limit.head('second', { signal: controller.signal });
    const third = limit.head('third');
    controller.abort(new Error('given up'));
    await expect(second).rejects.toThrow('given up');
    await time.run(Promise.all([first, third]));
    expect(seen.order).toEqual(['first', 'third']);
  });

  test('no place at all is refused', () => {
    expect(() => limited(memoryStore(), { concurrency: 0 })).toThrow(RangeError);
  });

  test('half as many after a 503, and all again when it goes well', async () => {
    const time = new VirtualTime();
    const inner = memoryStore();
    await inner.write('a', bytes('x'));
    let busy = false;
    const seen: number[] = [];
    const under = { way: 0 };
    const store = limited(
      forward(inner, {
        async head(key) {
          under.way += 1;
          seen.push(under.way);
          try {
            await time.sleep(10);
            if (busy)
              throw new StoreError('store/unavailable', 'slow down', { store: 'm', status: 503, retryable: true });
            return await inner.head(key);
          } finally {
            under.way -= 1;
          }
        },
      }),
      { concurrency: 16 },
    );
    const round = async (count: number) => {
      seen.length = 0;
      await time.run(Promise.allSettled(Array.from({ length: count }, () => store.head('a'))));
      return Math.max(...seen);
    };
    expect(await round(40)).toBe(16);
    busy = true;
    await round(16);
    busy = false;
    expect(await round(8)).toBe(8);
    await round(400);
    expect(await round(40)).toBe(16);
  });
});

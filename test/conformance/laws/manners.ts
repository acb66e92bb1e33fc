import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { bytesFrom, intBelow } from '../random.js';
import type { Law } from '../store-suite.js';
import { bytes, bytesOf, expectBytes, expectCode, inParallel, keysBelow, listAll, put, readAll } from './acts.js';

export const mannerLaws: readonly Law[] = [
  {
    law: 'a signal that is already given stops every call before it does anything',
    check: async ({ store, prefix }) => {
      await put(store, `${prefix}there`, 'x');
      const signal = AbortSignal.abort();
      await expect(store.head(`${prefix}there`, { signal })).rejects.toThrow();
      await expect(store.read(`${prefix}there`, { signal })).rejects.toThrow();
      await expect(listAll(store, prefix, { signal })).rejects.toThrow();
      await expect(store.write(`${prefix}new`, bytes('x'), { signal })).rejects.toThrow();
      await expect(store.write(`${prefix}new`, bytes('x'), { signal, ifAbsent: true })).rejects.toThrow();
      await expect(store.remove(`${prefix}there`, { signal })).rejects.toThrow();
      expect(await keysBelow(store, prefix)).toEqual([`${prefix}there`]);
    },
  },
  {
    law: 'a write that is stopped half-way leaves all or nothing',
    check: async ({ store, prefix, random }) => {
      const body = bytesFrom(random, 1024 * 1024);
      const outcomes = { ended: 0, stopped: 0 };
      for (let i = 0; i < 20; i += 1) {
        const key = `${prefix}n${i}`;
        const stop = new AbortController();
        const writing = store.write(key, body, { signal: stop.signal, ifAbsent: i % 2 === 0 }).then(
          () => 'ended' as const,
          () => 'stopped' as const,
        );
        if (i > 0) await wait(intBelow(random, 12));
        stop.abort();
        const outcome = await writing;
        outcomes[outcome] += 1;
        const left = await readAll(store, key);
        if (outcome === 'ended' || left !== undefined) expectBytes(left, body);
      }
      // The first is stopped in the turn in which it began. Far away, it can only have ended if nobody heard the signal.
      if (store.traits.remote) expect(outcomes.stopped).toBeGreaterThan(0);
      for (const head of await listAll(store, prefix)) expect(head.size).toBe(body.length);
    },
  },
  {
    law: 'a listing or a body that is stopped half-way throws, and never just ends',
    check: async ({ store, prefix, random }) => {
      await inParallel(
        Array.from({ length: 40 }, (_, i) => `${prefix}l/${i}`),
        8,
        (key) => put(store, key, 'x'),
      );
      const stopList = new AbortController();
      const half = async () => {
        for await (const _ of store.list(`${prefix}l/`, { pageSize: 5, signal: stopList.signal })) stopList.abort();
      };
      await expect(half()).rejects.toThrow();

      await put(store, `${prefix}big`, bytesFrom(random, 4 * 1024 * 1024));
      const stopBody = new AbortController();
      const found = (await store.read(`${prefix}big`, { signal: stopBody.signal }))!;
      stopBody.abort();
      await expect(bytesOf(found.body)).rejects.toThrow();
    },
  },
  {
    law: 'closed is closed: twice is fine, and every later call says so',
    check: async ({ fresh, prefix }) => {
      const store = await fresh();
      await put(store, `${prefix}x`, 'x');
      await store.close();
      await store.close();
      await expectCode(store.head(`${prefix}x`), 'store/closed');
      await expectCode(store.read(`${prefix}x`), 'store/closed');
      await expectCode(store.write(`${prefix}x`, bytes('y')), 'store/closed');
      await expectCode(store.remove(`${prefix}x`), 'store/closed');
      await expectCode(listAll(store, prefix), 'store/closed');
    },
  },
  {
    law: 'a store says what it is',
    check: async ({ store }) => {
      expect(store.name).not.toBe('');
      expect(['memory', 'file', 's3']).toContain(store.traits.kind);
      expect(store.traits.maxValueBytes).toBeGreaterThanOrEqual(64 * 1024);
      expect(['yes', 'claimed']).toContain(store.traits.exclusiveCreate);
      // store.ts: what a file system promises nobody has to try out.
      if (store.traits.kind === 'file') expect(store.traits.exclusiveCreate).toBe('yes');
    },
  },
];

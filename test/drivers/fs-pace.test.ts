import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { asyncCalls, type FileCalls, syncCalls } from '../../src/drivers/fs/calls.js';
import { fsStore } from '../../src/drivers/fs.js';
import type { Store } from '../../src/store/store.js';
import { collect } from '../store/fakes.js';
import { NFS, plant, scratch } from './fs-rig.js';

const folder = scratch();
const NAMES = Array.from({ length: 1000 }, (_, i) => `out/part-${String(i).padStart(4, '0')}`);

/** This machine's disk; how long a look takes is told by a clock of the test's own, `lookMs` of the n-th look. */
function timed(lookMs: (n: number) => number) {
  const seen = { inTurn: 0, atOnce: 0, mostAtOnce: 0, sideBySide: 0, read: [] as string[] };
  let now = 0;
  const inTurn =
    <A extends unknown[], T>(call: (...about: A) => T) =>
    (...about: A): T => {
      now += lookMs(seen.inTurn);
      seen.inTurn += 1;
      return call(...about);
    };
  const sideBySide =
    <A extends unknown[], T>(call: (...about: A) => T | Promise<T>) =>
    async (...about: A): Promise<T> => {
      seen.sideBySide += 1;
      seen.atOnce += 1;
      seen.mostAtOnce = Math.max(seen.mostAtOnce, seen.atOnce);
      await setImmediate();
      seen.atOnce -= 1;
      return call(...about);
    };
  const readdir: FileCalls['readdir'] = (path) => {
    seen.read.push(path);
    return asyncCalls.readdir(path);
  };
  const system = {
    now: () => now,
    calls: { stat: inTurn(syncCalls.stat) },
    slowCalls: { stat: sideBySide(asyncCalls.stat), readdir },
  };
  return { seen, system };
}

function planted(): string {
  const root = folder();
  plant(root, Object.fromEntries(NAMES.map((name) => [name, 'x'])));
  return root;
}

const heads = async (store: Store, names: readonly string[]) =>
  (await Promise.all(names.map((name) => store.head(name)))).filter((head) => head !== undefined).length;

describe('fs: how a disk is asked', () => {
  test('one that answers at once: one look after the other, none by the thread pool', async () => {
    const { seen, system } = timed(() => 0.002);
    const store = fsStore({ root: planted() }, system);
    expect(await heads(store, NAMES)).toBe(1000);
    expect(await collect(store.list('out/'))).toHaveLength(1000);
    expect(seen).toMatchObject({ inTurn: 2000, sideBySide: 0 });
  });

  test('one that is slow at first: the rest side by side, so many and no more', async () => {
    const { seen, system } = timed(() => 5);
    const store = fsStore({ root: planted() }, system);
    expect(await heads(store, NAMES)).toBe(1000);
    expect(seen.inTurn).toBe(3);
    expect(seen.sideBySide).toBe(997);
    expect(seen.mostAtOnce).toBe(64);
    expect(await collect(store.list('out/'))).toHaveLength(1000);
    expect(seen).toMatchObject({ inTurn: 3, sideBySide: 1997, mostAtOnce: 64 });
    expect(await store.abilities.describe?.()).toContainEqual(['asked', expect.stringContaining('many at once')]);
  });

  test('a look that was held up once, or after the first few, changes nothing', async () => {
    const { seen, system } = timed((n) => (n === 0 || n > 4 ? 20 : 0.002));
    const store = fsStore({ root: planted() }, system);
    expect(await heads(store, NAMES)).toBe(1000);
    expect(seen).toMatchObject({ inTurn: 1000, sideBySide: 0 });
  });

  test('what is seen is the same, slow or not', async () => {
    const root = planted();
    const asked = ['out/part-0001', 'out/nothing', 'out', 'nowhere/at/all'];
    const [quick, slow, remote] = await Promise.all(
      [timed(() => 0).system, timed(() => 5).system, { statfs: () => NFS }].map(async (system) => {
        const store = fsStore({ root }, system);
        return [await Promise.all(asked.map((key) => store.head(key))), await collect(store.list(''))];
      }),
    );
    expect(slow).toEqual(quick);
    expect(remote).toEqual(quick);
  });
});

describe('fs on a network: names that are not there', () => {
  const missing = NAMES.map((name) => `${name}.missing`);

  test('a thousand absences in one folder: some readings of it, not a thousand', async () => {
    const { seen, system } = timed(() => 0);
    const root = planted();
    const store = fsStore({ root }, { ...system, statfs: () => NFS });
    expect(await heads(store, missing)).toBe(0);
    expect(seen.sideBySide).toBe(1000);
    expect(seen.read.length).toBeGreaterThan(0);
    expect(seen.read.length).toBeLessThan(100);
    expect(new Set(seen.read)).toEqual(new Set([`${root}/out`]));
  });

  test('each absence is told by a reading that began after its question', async () => {
    const root = planted();
    const stats: string[] = [];
    const system = {
      statfs: () => NFS,
      calls: {
        // A client that remembers: what was not there a moment ago is not there. Only readings ask the server.
        stat: (path: string) => {
          stats.push(path);
          return stats.filter((one) => one === path).length > 1 ? asyncCalls.stat(path) : undefined;
        },
      },
    };
    const store = fsStore({ root }, system);
    const early = missing.slice(0, 10).map((name) => store.head(name));
    await setImmediate();
    plant(root, { [missing[20]!]: 'made meanwhile' });
    expect(await store.head(missing[20]!)).toMatchObject({ key: missing[20] });
    expect(await Promise.all(early)).toEqual(early.map(() => undefined));
  });

  test('a mount is looked at once for many absences', async () => {
    const { seen, system } = timed(() => 0);
    const root = planted();
    const looked: string[] = [];
    const stat: FileCalls['stat'] = (path) => {
      looked.push(path.slice(root.length));
      return asyncCalls.stat(path);
    };
    const store = fsStore(
      { root, mount: true },
      { ...system, slowCalls: { ...system.slowCalls, stat }, statfs: () => NFS },
    );
    expect(await heads(store, missing)).toBe(0);
    expect(looked.filter((path) => path === '/.').length).toBeLessThan(100);
    expect(seen.read.length).toBeLessThan(200);
  });
});

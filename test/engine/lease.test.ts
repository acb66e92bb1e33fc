import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/core/slot.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { type Cache, keyLog, placeLog } from '../../src/engine/cache.js';
import { Lease, type Read } from '../../src/engine/lease.js';
import type { SlotLog } from '../../src/engine/log.js';
import { bytes, scripted, storeError } from '../store/fakes.js';
import { cacheOn, holder, KEY, record } from './rig.js';

const [anna, bert] = [holder('anna'), holder('bert')];
const COMMIT: Entry = { kind: 'commit', attempt: 1, key: KEY, record: record(1) };

async function readAll(...logs: readonly SlotLog[]): Promise<Read[]> {
  return Promise.all(logs.map(async (log) => ({ log, view: await log.read() })));
}

const three = (cache: Cache) => [keyLog(cache, KEY), placeLog(cache, 'a'), placeLog(cache, 'b')] as const;

async function holders(logs: readonly SlotLog[]): Promise<(string | undefined)[]> {
  return (await readAll(...logs)).map(({ view }) => view.held?.by.host);
}

describe('a lease', () => {
  it('takes all its logs or none, and leaves no trace where it took some', async () => {
    const logs = three(cacheOn());
    const reads = await readAll(...logs);
    const last = [...logs].sort((x, y) => (x.id < y.id ? 1 : -1))[0]!;
    const others = await Lease.take([reads.find(({ log }) => log === last)!], bert);
    expect(others).toBeDefined();
    expect(await Lease.take(reads, anna)).toBeUndefined();
    for (const { log, view } of await readAll(...logs)) {
      expect(view.held?.by.host).toBe(log === last ? 'bert' : undefined);
      expect(view.last).toMatchObject(log === last ? { state: 'open' } : { state: 'none' });
    }
  });

  it('gives back what it took when the store fails, and says so', async () => {
    const memory = memoryStore();
    let writes = 0;
    const { store } = scripted(memory, (verb) =>
      verb === 'write' && ++writes === 3 ? storeError('store/unavailable') : undefined,
    );
    const reads = await readAll(...three(cacheOn(store)));
    await expect(Lease.take(reads, anna)).rejects.toThrow('unavailable');
    expect(await holders(three(cacheOn(memory)))).toEqual([undefined, undefined, undefined]);
  });

  it('releases the rest where one log cannot be released, and tells of that one', async () => {
    const memory = memoryStore();
    const [key, ...places] = three(cacheOn(memory));
    const { store } = scripted(memory, (verb, name) =>
      verb === 'write' && name.startsWith(key.id) && name.endsWith('2') ? storeError('store/denied') : undefined,
    );
    const lease = (await Lease.take(await readAll(...three(cacheOn(store))), anna))!;
    await expect(lease.release({ untouched: false })).rejects.toThrow('denied');
    expect(await holders([key, ...places])).toEqual(['anna', undefined, undefined]);
  });

  it('wanted by two in opposite order at once: one gets it all, and nobody waits for anybody', async () => {
    for (let round = 0; round < 100; round++) {
      const cache = cacheOn();
      const reads = await readAll(...three(cache));
      const taken = await Promise.all([Lease.take(reads, anna), Lease.take(reads.toReversed(), bert)]);
      const winners = taken.flatMap((lease, i) => (lease ? [i === 0 ? 'anna' : 'bert'] : []));
      expect(winners).toHaveLength(1);
      expect(await holders(three(cache))).toEqual(Array(3).fill(winners[0]));
    }
  });

  it('wanted by many over any logs: all come to an end, no log has two holders, and losers hold nothing', async () => {
    const wants = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 }), {
      minLength: 2,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(wants, async (wanted) => {
        const cache = cacheOn();
        const logs = Array.from({ length: 5 }, (_, i) => placeLog(cache, `p${i}`));
        const read = await readAll(...logs);
        const leases = await Promise.all(
          wanted.map((some, i) =>
            Lease.take(
              some.map((at) => read[at]!),
              holder(`h${i}`),
            ),
          ),
        );
        const now = await holders(logs);
        const held = leases.flatMap((lease, i) => (lease ? wanted[i]!.map((at) => [at, `h${i}`] as const) : []));
        expect(new Set(held.map(([at]) => at)).size).toBe(held.length);
        expect(held.length).toBeGreaterThan(0);
        expect(now).toEqual(now.map((_, at) => held.find(([one]) => one === at)?.[1]));
      }),
      { numRuns: 300 },
    );
  });

  it('that was taken over commits no more, does not stand, and its release frees nobody else’s', async () => {
    const cache = cacheOn();
    const [key, place] = three(cache);
    const lease = (await Lease.take(await readAll(key, place), anna))!;
    expect([lease.attemptOf(key), lease.attemptOf(place)]).toEqual([1, 1]);
    expect(await lease.stands()).toBe(true);
    const other = (await Lease.take(await readAll(place), bert))!;
    expect(other.attemptOf(place)).toBe(2);
    expect(await lease.stands()).toBe(false);
    expect(await lease.append(place, { kind: 'commit', attempt: 1, key: KEY, of: 1 })).toBe(false);
    await lease.release({ untouched: false });
    expect(await holders([key, place])).toEqual([undefined, 'bert']);
    expect((await place.read()).last).toMatchObject({ state: 'open' });
    expect(await other.append(place, { kind: 'commit', attempt: 2, key: KEY, of: 2 })).toBe(true);
  });

  it('commits behind pins and tombstones of others, under the next number', async () => {
    const [key] = three(cacheOn());
    const lease = (await Lease.take(await readAll(key), anna))!;
    await key.append(await key.read(), { kind: 'pin', attempts: [], undo: false }, bert);
    await key.append(await key.read(), { kind: 'tombstone', attempts: [], undo: true, why: 'w' }, bert);
    expect(await lease.append(key, COMMIT)).toBe(true);
    expect(await key.read()).toMatchObject({ n: 4, records: [{ attempt: 1, slot: 4 }] });
    expect(await lease.stands()).toBe(true);
  });

  it('fence: of a commit and a takeover at one moment exactly one has the number', async () => {
    let [commits, takeovers] = [0, 0];
    for (let round = 0; round < 200; round++) {
      const [key] = three(cacheOn());
      const lease = (await Lease.take(await readAll(key), anna))!;
      const seen = await key.read();
      const acts = [
        () => lease.append(key, COMMIT),
        async () => (await key.append(seen, { kind: 'acquire' }, bert)).won,
      ];
      if (round % 2) acts.reverse();
      const done = await Promise.all(acts.map((act) => act()));
      const [committed, taken] = round % 2 ? done.reverse() : done;
      expect([committed, taken].filter(Boolean)).toHaveLength(1);
      commits += Number(committed);
      takeovers += Number(taken);
      expect((await key.read()).records).toHaveLength(committed ? 1 : 0);
    }
    expect(Math.min(commits, takeovers)).toBeGreaterThan(0);
  });

  it('knows only its own logs', async () => {
    const [key, place] = three(cacheOn());
    const lease = (await Lease.take(await readAll(key), anna))!;
    expect(() => lease.attemptOf(place)).toThrow(/not leased/);
    await lease.release({ untouched: true });
    expect(await key.read()).toMatchObject({ n: 2, last: { state: 'none' } });
  });

  it('over a log whose slot nobody can read is taken like any other', async () => {
    const store = memoryStore();
    const [key] = three(cacheOn(store));
    await store.write(`${key.id}/00000001`, bytes('?'));
    const lease = (await Lease.take(await readAll(key), anna))!;
    expect(lease.attemptOf(key)).toBe(2);
    await lease.release({ untouched: true });
    // What the unreadable slot began is not known to have ended.
    expect((await key.read()).last).toMatchObject({ state: 'open' });
  });
});

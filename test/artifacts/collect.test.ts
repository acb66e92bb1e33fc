import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type CollectOptions, collect } from '../../src/artifacts/collect.js';
import { pin, unpin } from '../../src/artifacts/pins.js';
import { putStream, putTree } from '../../src/artifacts/put.js';
import { restore } from '../../src/artifacts/restore.js';
import { beginSweep } from '../../src/artifacts/truce.js';
import { verify } from '../../src/artifacts/verify.js';
import type { Digest } from '../../src/core/brand.js';
import { memoryStore } from '../../src/drivers/memory.js';
import type { Store } from '../../src/store/store.js';
import { randomFrom, seedOfRun } from '../conformance/random.js';
import { folderWith } from '../rig/cli.js';
import { allKeys, bytesOf, cutOnce, openBlobs, snapshot } from './rig.js';

const MIB = 2 ** 20;
const seed = seedOfRun();
const DAY = 86_400_000;

const options = (keep: readonly Digest[], more: Partial<CollectOptions> = {}): CollectOptions => ({
  keeping: async () => ({ kept: new Map(keep.map((digest) => [digest, 'wanted'])) }),
  graceMs: 1000,
  now: () => Date.now() + DAY,
  ...more,
});

async function two() {
  const folder = folderWith({ 'one/a': 'a', 'two/b': 'b' });
  const random = randomFrom(seed);
  const shared = bytesOf(random, 9 * MIB);
  for (const name of ['one', 'two']) {
    fs.writeFileSync(join(folder, name, 'shared'), shared);
    fs.writeFileSync(join(folder, name, 'own'), bytesOf(random, 3 * MIB));
  }
  const store = memoryStore();
  const one = (await putTree(await openBlobs(store), join(folder, 'one'))).digest;
  const second = (await putTree(await openBlobs(store), join(folder, 'two'))).digest;
  return { folder, store, one, second };
}

function gate() {
  let open = () => {};
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return { open, opened };
}

/** One pack of which a tenth lives. */
async function halfDead(round = 0) {
  const folder = folderWith();
  const random = randomFrom(seed + round);
  const [all, kept] = [join(folder, 'in'), join(folder, 'kept')];
  for (const path of [all, kept]) fs.mkdirSync(path);
  for (let i = 0; i < 20; i++) fs.writeFileSync(join(all, `${i}`), bytesOf(random, 10_000));
  for (let i = 0; i < 2; i++) fs.copyFileSync(join(all, `${i}`), join(kept, `${i}`));
  const store = memoryStore();
  await putTree(await openBlobs(store), all);
  const { digest } = await putTree(await openBlobs(store), kept);
  // The kept tree's list lies in a pack of its own.
  return { folder, store, kept, digest };
}

describe('collect', () => {
  it('says first, then removes what nothing kept holds, and no byte of what is kept', async () => {
    const { folder, store, one, second } = await two();
    const before = await allKeys(store);
    const said = await collect(await openBlobs(store), options([one], { dryRun: true }));
    expect(said).toMatchObject({ ended: 'dry-run', kept: 1 });
    expect(said.doomed.map(({ kind }) => kind).sort()).toEqual(['artifact', 'chunk', 'index', 'pack']);
    expect(await allKeys(store)).toEqual(before);
    const done = await collect(await openBlobs(store), options([one]));
    expect(done).toMatchObject({ ended: 'done', kept: 1, doomed: said.doomed });
    expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({
      artifacts: 1,
      broken: [],
      bad: [],
    });
    await restore(await openBlobs(store), one, join(folder, 'out'));
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'one')));
    await expect(restore(await openBlobs(store), second, join(folder, 'no'))).rejects.toMatchObject({
      code: 'integrity/missing',
    });
  });

  it('what is pinned stays, and so does what is being pinned while it sweeps', async () => {
    const { store, one, second } = await two();
    await pin(await openBlobs(store), one);
    let pinning: Promise<void> | undefined;
    let looks = 0;
    const keeping = async () => {
      // It has looked what there is, and is about to delete: who pins now waits, and is told that it is gone.
      if (looks++ === 1) pinning = pin(await openBlobs(store), second).then(undefined, ({ code }) => code);
      return { kept: new Map<Digest, string>() };
    };
    expect(await collect(await openBlobs(store), options([], { keeping }))).toMatchObject({ ended: 'done', kept: 1 });
    expect(await pinning).toBe('integrity/missing');
    expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({ artifacts: 1, broken: [] });
    await unpin(await openBlobs(store), one);
    expect(await collect(await openBlobs(store), options([]))).toMatchObject({ ended: 'done', kept: 0 });
  });

  it('a writer who was stopped for so long that a sweeper gave him up names nothing, although his timers come first', async () => {
    const store = memoryStore();
    const blobs = await openBlobs(store);
    vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] });
    try {
      async function* pieces() {
        // Two chunks are on their way to the store, and one is not read yet.
        yield bytesOf(randomFrom(seed), 17 * MIB);
        while ((await allKeys(store, 'v1/chunks/')).length < 2) await new Promise((done) => setTimeout(done, 5));
        vi.setSystemTime(Date.now() + 31 * 60_000);
        const now = () => Date.now() + 1;
        const swept = await collect(await openBlobs(store), options([], { graceMs: 0, now }));
        expect(swept).toMatchObject({ ended: 'done', doomed: [{ kind: 'chunk' }, { kind: 'chunk' }] });
        vi.advanceTimersByTime(61_000);
        yield bytesOf(randomFrom(seed + 1), 100);
      }
      await expect(putStream(blobs, pieces())).rejects.toThrow(/no sign of life for too long/);
    } finally {
      vi.useRealTimers();
    }
    expect(await allKeys(store, 'v1/artifacts/')).toEqual([]);
  });

  it('what is young stays, whether anything keeps it or not', async () => {
    const { store } = await two();
    const before = await allKeys(store);
    expect(await collect(await openBlobs(store), options([], { now: Date.now, graceMs: DAY }))).toMatchObject({
      ended: 'done',
      doomed: [],
    });
    expect(await allKeys(store)).toEqual(before);
  });

  it('writers at work are waited for, and where they do not end nothing is removed', async () => {
    const { store, one } = await two();
    await store.write('v1/uploads/somebody', Buffer.from('1\n'));
    const now = Date.now;
    const soon = options([one], { now: () => now() + 2000, waitMs: 300 });
    expect(await collect(await openBlobs(store), soon)).toMatchObject({ ended: 'busy', doomed: [] });
    // Long without a sign of life: dead.
    expect(await collect(await openBlobs(store), options([one]))).toMatchObject({ ended: 'done' });
    expect(await allKeys(store, 'v1/uploads/')).toEqual([]);
  });

  it('a writer waits while somebody sweeps, and reads the index anew', async () => {
    const { folder, store, one } = await two();
    const stale = await openBlobs(store);
    await collect(await openBlobs(store), options([one]));
    const sweeping = await beginSweep(store, () => Date.now() + DAY, 0);
    let ended = false;
    const putting = putTree(stale, join(folder, 'two')).then((result) => {
      ended = true;
      return result;
    });
    await new Promise((done) => setTimeout(done, 400));
    expect(ended).toBe(false);
    await sweeping!.end();
    const { digest } = await putting;
    await restore(await openBlobs(store), digest, join(folder, 'out'));
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'two')));
  });

  it('writes what lives in a pack that is mostly dead to another, and a reader with the old index finds it', async () => {
    const { folder, store, kept, digest } = await halfDead();
    const reader = await openBlobs(store);
    const pack = await largest(store, 'v1/packs/');
    const done = await collect(await openBlobs(store), options([digest]));
    expect(done.doomed.map(({ kind }) => kind).sort()).toEqual(['artifact', 'index', 'pack']);
    expect(done.doomed.find(({ kind }) => kind === 'pack')).toMatchObject({
      key: pack,
      why: expect.stringMatching(/^[89][0-9]% of it is dead/),
    });
    const packs = await allKeys(store, 'v1/packs/');
    expect(packs.length).toBe(2);
    expect(packs).not.toContain(pack);
    expect((await allKeys(store, 'v1/indexes/')).length).toBe(2);
    for (const blobs of [reader, await openBlobs(store)]) {
      await restore(blobs, digest, join(folder, 'out'));
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(kept));
    }
    expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
    expect((await collect(await openBlobs(store), options([digest]))).doomed).toEqual([]);
  });

  it('a reader whom one sweep after the other overtakes finds what lives', async () => {
    const folder = folderWith({ 'in/a': 'a' });
    const store = memoryStore();
    const kept = [(await putTree(await openBlobs(store), join(folder, 'in'))).digest];
    let sweeps = 0;
    const racing: Store = {
      ...store,
      async read(key, call) {
        if (key.startsWith('v1/packs/') && sweeps < 4) {
          sweeps += 1;
          // So many small packs that all are written as one.
          for (let i = 0; i < 8; i++)
            kept.push((await putStream(await openBlobs(store), [Buffer.from(`${sweeps} ${i}`)])).digest);
          expect((await collect(await openBlobs(store), options(kept))).ended).toBe('done');
        }
        return store.read(key, call);
      },
    };
    await restore(await openBlobs(racing), kept[0]!, join(folder, 'out'));
    expect(sweeps).toBe(4);
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'in')));
    // And what nobody sweeps away, but is lost, is missed after one more look.
    for (const key of await allKeys(store, 'v1/packs/')) await store.remove(key);
    await expect(restore(await openBlobs(store), kept[0]!, join(folder, 'no'))).rejects.toMatchObject({
      code: 'integrity/missing',
    });
  });

  it('a reader who reads the index anew in the middle of a sweep finds what it moved', async () => {
    for (let round = 0; round < 8; round++) {
      const folder = folderWith({ 'in/a': `a ${round}` });
      const store = memoryStore();
      const kept = [(await putTree(await openBlobs(store), join(folder, 'in'))).digest];
      const manyPacks = async (sweep: number) => {
        for (let i = 0; i < 8; i++)
          kept.push((await putStream(await openBlobs(store), [Buffer.from(`${round} ${sweep} ${i}`)])).digest);
      };
      const [mayRemove, mayEnd] = [gate(), gate()];
      const [wouldRemove, wouldEnd] = [gate(), gate()];
      const slowly: Store = {
        ...store,
        async remove(key, call) {
          if (key.startsWith('v1/packs/')) {
            wouldRemove.open();
            await mayRemove.opened;
          }
          return store.remove(key, call);
        },
        async write(key, body, call) {
          if (key === 'v1/sweep' && Buffer.from(body).includes('"done"')) {
            wouldEnd.open();
            await mayEnd.opened;
          }
          return store.write(key, body, call);
        },
      };
      let reads = 0;
      let second: Promise<unknown> | undefined;
      const racing: Store = {
        ...store,
        async read(key, call) {
          const number = key.startsWith('v1/packs/') ? ++reads : 0;
          if (number === 1) {
            await manyPacks(1);
            await collect(await openBlobs(store), options(kept));
            await manyPacks(2);
            second = collect(await openBlobs(slowly), options(kept));
            await wouldRemove.opened;
          } else if (number === 2) {
            mayRemove.open();
            await wouldEnd.opened;
          }
          return store.read(key, call);
        },
      };
      await restore(await openBlobs(racing), kept[0]!, join(folder, 'out')).finally(() => mayEnd.open());
      await second;
      expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'in')));
    }
  });

  it('what a writer takes from a dying pack while it is copied stays', async () => {
    const { folder, store, digest } = await halfDead();
    let second: Digest | undefined;
    const hooked: Store = {
      ...store,
      async write(key, body, call) {
        if (key.startsWith('v1/packs/') && second === undefined) {
          // All of it lies in the pack that is about to be given up.
          second = (await putTree(await openBlobs(store), join(folder, 'in'))).digest;
        }
        return store.write(key, body, call);
      },
    };
    await collect(await openBlobs(hooked), {
      ...options([digest]),
      keeping: async () => ({ kept: new Map([digest, ...(second ? [second] : [])].map((one) => [one, 'wanted'])) }),
    });
    await restore(await openBlobs(store), second!, join(folder, 'out'));
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'in')));
  });

  it('small packs and small indexes are written as one', async () => {
    const folder = folderWith();
    const store = memoryStore();
    const all: Digest[] = [];
    for (let i = 0; i < 20; i++) all.push((await putStream(await openBlobs(store), [Buffer.from(`${i}`)])).digest);
    expect((await allKeys(store, 'v1/packs/')).length).toBe(20);
    await collect(await openBlobs(store), options(all));
    expect((await allKeys(store, 'v1/packs/')).length).toBe(1);
    expect((await allKeys(store, 'v1/indexes/')).length).toBe(1);
    for (const [i, digest] of all.entries()) {
      await restore(await openBlobs(store), digest, join(folder, 'out'));
      expect(fs.readFileSync(join(folder, 'out'), 'utf8')).toBe(`${i}`);
    }
  });

  it('a lost index loses no blob: its packs say themselves what they hold, and are named again', async () => {
    const { folder, store, one } = await two();
    for (const key of await allKeys(store, 'v1/indexes/')) await store.remove(key);
    await restore(await openBlobs(store), one, join(folder, 'out'));
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'one')));
    expect(await collect(await openBlobs(store), options([one]))).toMatchObject({ ended: 'done', kept: 1 });
    expect((await allKeys(store, 'v1/indexes/')).length).toBe(1);
    expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
  });

  it('what was put since a run under way began stays', async () => {
    const { store, one } = await two();
    const since = Date.now() - DAY;
    const running = options([], { keeping: async () => ({ kept: new Map(), since }) });
    expect(await collect(await openBlobs(store), running)).toMatchObject({ kept: 2, doomed: [] });
    expect(await collect(await openBlobs(store), options([one]))).toMatchObject({ kept: 1 });
  });

  it('two sweepers who begin together: one after the other, and nothing that is kept is lost', async () => {
    for (let round = 0; round < 10; round++) {
      const { store, digest } = await halfDead(round);
      const shaky = slow(store);
      const both = await Promise.all(
        [0, 1].map(async () => collect(await openBlobs(shaky), options([digest], { graceMs: -DAY, waitMs: 5000 }))),
      );
      expect(both.some(({ ended }) => ended === 'done')).toBe(true);
      expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({
        artifacts: 1,
        broken: [],
        bad: [],
      });
    }
  }, 60_000);

  it('a kept artifact that was broken at the first look and is mended before the sweep loses nothing', async () => {
    const { folder, store, one } = await two();
    for (const key of await allKeys(store, 'v1/packs/')) await store.remove(key);
    const broken = await verify(await openBlobs(store), { level: 'index' });
    expect(broken.broken.map(({ digest }) => digest)).toContain(one);
    let looks = 0;
    const mending = async () => {
      // Its chunks are there, so this put writes only the list anew.
      if (looks++ === 1) await putTree(await openBlobs(store), join(folder, 'one'));
      return { kept: new Map([[one, 'wanted']]) };
    };
    // The put must not wait for the sweep: it takes place as that is about to begin.
    const early: Store = {
      ...store,
      async write(key, body, call) {
        if (key.startsWith('v1/uploads/sweep-') && looks === 1) await mending();
        return store.write(key, body, call);
      },
    };
    await collect(await openBlobs(early), options([one], { keeping: mending }));
    expect(looks).toBeGreaterThan(2);
    expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({ artifacts: 1, broken: [] });
    await restore(await openBlobs(store), one, join(folder, 'out'));
    expect(snapshot(join(folder, 'out'))).toEqual(snapshot(join(folder, 'one')));
  });

  it('one wrong read of what a kept artifact needs costs nothing', async () => {
    const { store, one, second } = await two();
    for (const part of ['/artifacts/', '/packs/', '/chunks/']) {
      const cut = cutOnce(store, (key) => key.includes(part));
      await collect(await openBlobs(cut), options([one, second]));
      expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({ artifacts: 2, broken: [] });
    }
  });

  it('shows signs of life also while it looks, however long that takes', async () => {
    const { store, one } = await two();
    let looks = 0;
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    try {
      const keeping = async () => {
        if (looks++ === 1) await vi.advanceTimersByTimeAsync(90_000);
        return { kept: new Map([[one, 'wanted']]) };
      };
      const done = await collect(await openBlobs(store), options([one], { keeping }));
      expect(done).toMatchObject({ ended: 'done', kept: 1 });
      expect(done.doomed.map(({ kind }) => kind)).toContain('artifact');
    } finally {
      vi.useRealTimers();
    }
    expect(looks).toBe(2);
  });

  it('killed at any write or removal: what is kept is whole, and the next one finishes', async () => {
    for (let at = 0, ended = false; !ended; at++) {
      const { store, digest } = await halfDead();
      let changes = 0;
      const dying: Store = {
        ...store,
        remove: async (key, call) => {
          if (changes++ >= at) throw new Error('killed');
          return store.remove(key, call);
        },
        write: async (key, body, call) => {
          if (changes++ >= at) throw new Error('killed');
          return store.write(key, body, call);
        },
      };
      const killed = await collect(await openBlobs(dying), options([digest])).catch((error: Error) => error);
      ended = !(killed instanceof Error);
      if (ended) expect(changes).toBeGreaterThan(10);
      expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({ broken: [], bad: [] });
      // The dead cannot say that they are; the clock is a day on.
      await store.remove('v1/sweep');
      const next = await collect(await openBlobs(store), options([digest]));
      expect(next).toMatchObject({ ended: 'done', kept: 1 });
      expect((await collect(await openBlobs(store), options([digest]))).doomed).toEqual([]);
      expect((await allKeys(store, 'v1/packs/')).length).toBe(2);
      expect(await verify(await openBlobs(store), { level: 'full' })).toMatchObject({
        artifacts: 1,
        broken: [],
        bad: [],
      });
    }
  }, 60_000);

  it(`20 writers and a sweeper that never rests: no artifact that was promised is broken (STEPASIDE_SEED=${seed})`, async () => {
    const store = slow(memoryStore());
    const promised = new Set<Digest>();
    const random = randomFrom(seed);
    const pieces = Array.from({ length: 12 }, () => bytesOf(random, MIB + 10));
    let writing = 20;
    const writer = async () => {
      for (let i = 0; i < 10; i++) {
        const picked = Array.from(
          { length: 1 + Math.floor(random() * 2) },
          () => pieces[Math.floor(random() * pieces.length)]!,
        );
        const { digest } = await putStream(await openBlobs(store), picked);
        promised.add(digest);
        // Some are given up again at once.
        if (random() < 0.7) promised.delete(digest);
      }
      writing -= 1;
    };
    let [sweeps, removed] = [0, 0];
    const sweeper = async () => {
      while (writing > 0) {
        // No grace at all: only the truce protects them. What was promised is asked at the moment of the question.
        const done = await collect(await openBlobs(store), {
          keeping: async () => ({ kept: new Map([...promised].map((digest) => [digest, 'promised'])) }),
          graceMs: -1000,
          now: Date.now,
          waitMs: 2000,
        });
        sweeps += 1;
        removed += done.doomed.length;
      }
    };
    await Promise.all([...Array.from({ length: 20 }, writer), sweeper()]);
    expect(sweeps).toBeGreaterThan(1);
    expect(removed).toBeGreaterThan(3);
    const { broken } = await verify(await openBlobs(store), { level: 'full' });
    expect(broken.filter(({ digest }) => promised.has(digest))).toEqual([]);
  }, 120_000);
});

async function largest(store: Store, prefix: string): Promise<string> {
  let found = { key: '', size: -1 };
  for await (const head of store.list(prefix)) if (head.size > found.size) found = head;
  return found.key;
}

/** Each call takes a turn or a few of the event loop, so that calls of many interleave. */
function slow(store: Store): Store {
  const later =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await new Promise((done) => setTimeout(done, Math.random() * 2));
      return call(...args);
    };
  return {
    ...store,
    head: later(store.head),
    read: later(store.read),
    write: later(store.write),
    remove: later(store.remove),
  };
}

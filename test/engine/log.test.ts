import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/core/slot.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { keyLog, placeLog } from '../../src/engine/cache.js';
import type { Appended, LogView, SlotLog } from '../../src/engine/log.js';
import { forward } from '../../src/store/forward.js';
import { observed } from '../../src/store/observe.js';
import { bytes, collect, readAll } from '../store/fakes.js';
import { cacheOn, holder, KEY, record } from './rig.js';

const anna = holder('anna');
const ACQUIRE: Entry = { kind: 'acquire' };
const commitOf = (attempt: number): Entry => ({ kind: 'commit', attempt, key: KEY, record: record(attempt) });

async function won(appended: Promise<Appended>): Promise<LogView> {
  const answer = await appended;
  if (!answer.won) throw new Error(answer.why);
  return answer.view;
}

/** One whole run: three slots. */
async function produce(log: SlotLog): Promise<number> {
  const taken = await won(log.append(await log.read(), ACQUIRE, anna));
  const attempt = taken.n;
  const written = await won(log.append(taken, commitOf(attempt), anna));
  await won(log.append(written, { kind: 'release', attempt, untouched: false }, anna));
  return attempt;
}

describe('a log', () => {
  it('of 50 who read the same view exactly one writes the next slot, and the others are told', async () => {
    const store = memoryStore();
    const log = keyLog(cacheOn(store), KEY);
    for (let round = 1; round <= 20; round++) {
      const view = await log.read();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => log.append(view, ACQUIRE, holder(`h${i}`))),
      );
      const winners = answers.flatMap((answer, i) => (answer.won ? [i] : []));
      expect(winners).toHaveLength(1);
      expect(answers.filter((answer) => !answer.won && answer.why === 'taken')).toHaveLength(49);
      const now = await log.read();
      expect(now).toMatchObject({ n: round, held: { attempt: round, by: { host: `h${winners[0]}` } } });
    }
    expect((await collect(store.list(''))).map(({ key }) => key.slice(-8))).toEqual(
      Array.from({ length: 20 }, (_, i) => String(i + 1).padStart(8, '0')),
    );
  });

  it('says to each appender what a reader then reads', async () => {
    const log = keyLog(cacheOn(), KEY);
    const entries: Entry[] = [
      ACQUIRE,
      { kind: 'pin', attempts: [1], undo: false },
      commitOf(1),
      { kind: 'tombstone', attempts: [1], undo: false, why: 'test' },
      { kind: 'release', attempt: 1, untouched: false },
    ];
    let view = await log.read();
    for (const entry of entries) {
      view = await won(log.append(view, entry, anna));
      expect(await log.read()).toEqual(view);
    }
    expect(view.n).toBe(5);
  });

  it('is read by one LIST and one GET, however long it is, and written by one PUT', async () => {
    const calls: string[] = [];
    const store = observed(memoryStore(), { onCall: ({ verb }) => calls.push(verb) });
    const log = keyLog(cacheOn(store), KEY);
    expect(await log.read()).toMatchObject({ n: 0, last: { state: 'none' } });
    expect(calls.splice(0)).toEqual(['list']);
    await produce(log);
    for (let i = 0; i < 5; i++) await produce(log);
    calls.splice(0);
    const view = await log.read();
    expect(calls.splice(0).sort()).toEqual(['list', 'read']);
    // A hit needs no more: the newest record came with it.
    expect(view.newest).toEqual(record(16));
    await log.append(view, ACQUIRE, anna);
    expect(calls.splice(0)).toEqual(['write']);
    await log.append(view, commitOf(3), anna);
    expect(calls.splice(0)).toEqual([]);
  });

  it('finds older records by their slots, and nothing where the slot is gone or says something else', async () => {
    const store = memoryStore();
    const log = keyLog(cacheOn(store), KEY);
    await produce(log);
    await produce(log);
    const { records } = await log.read();
    expect(await Promise.all(records.map((entry) => log.record(entry)))).toEqual([record(1), record(4)]);
    expect(await log.record({ ...records[0]!, slot: 1 })).toBeUndefined();
    expect(await log.record({ ...records[0]!, slot: 5 })).toBeUndefined();
    await store.remove(`${log.id}/00000002`);
    expect(await log.record(records[0]!)).toBeUndefined();
  });

  it('whose highest slot nobody can read: open, held by somebody unknown, with the records before', async () => {
    for (const ruin of ['', 'garbage', '{}\n', '{"v":2}\nx\n']) {
      const store = memoryStore();
      const log = keyLog(cacheOn(store), KEY);
      await produce(log);
      const before = await log.read();
      await store.write(`${log.id}/00000004`, bytes(ruin));
      await store.write(`${log.id}/00000005`, bytes(ruin));
      const view = await log.read();
      expect(view).toMatchObject({ n: 5, held: { by: { host: '?' } }, last: { state: 'open', attempt: 5 } });
      expect(view).toMatchObject({ records: before.records, newest: before.newest });
      // It can still be taken over, and what was there before comes through.
      const taken = await won(log.append(view, ACQUIRE, anna));
      expect(await log.read()).toEqual(taken);
      expect(taken).toMatchObject({ n: 6, held: { attempt: 6, by: anna }, records: before.records });
    }
  });

  it('of which nothing can be read is open, too: nothing is proven, nobody is let in at once', async () => {
    const store = memoryStore();
    const log = placeLog(cacheOn(store), 's3://b/x/');
    await store.write(`${log.id}/00000003`, bytes('x'));
    expect(await log.read()).toMatchObject({ n: 3, last: { state: 'open' }, records: [], held: { attempt: 3 } });
  });

  it('whose slot was written to another number is not believed', async () => {
    const store = memoryStore();
    const log = keyLog(cacheOn(store), KEY);
    await produce(log);
    await store.write(`${log.id}/00000009`, bytes((await readAll(store, `${log.id}/00000002`))!));
    expect(await log.read()).toMatchObject({ n: 9, last: { state: 'open', attempt: 9 } });
  });

  it('lets other names beside the slots lie', async () => {
    const store = memoryStore();
    const log = keyLog(cacheOn(store), KEY);
    await produce(log);
    const before = await log.read();
    for (const name of ['.stepaside-tmp-1', '000000099', '0000004', 'x'])
      await store.write(`${log.id}/${name}`, bytes('x'));
    expect(await log.read()).toEqual(before);
  });

  it('asks once more by name where listings lag', async () => {
    const memory = memoryStore();
    const log = keyLog(cacheOn(memory), KEY);
    await produce(log);
    // This listing has not heard of the last two slots.
    const late = {
      ...forward(memory, {
        list: async function* (prefix, call) {
          for await (const head of memory.list(prefix, call)) if (head.key.endsWith('1')) yield head;
        },
      }),
      traits: { ...memory.traits, strongList: false },
    };
    expect(await keyLog(cacheOn(late), KEY).read()).toEqual(await log.read());
  });

  it('writes on after a pin or tombstone of others, and gives up after a takeover', async () => {
    const log = keyLog(cacheOn(), KEY);
    const mine = await won(log.append(await log.read(), ACQUIRE, anna));
    const pinned = await won(log.append(mine, { kind: 'pin', attempts: [], undo: false }, holder('bert')));
    expect(await log.append(mine, commitOf(1), anna)).toEqual({ won: false, why: 'taken' });
    expect(await log.appendAfter(mine, commitOf(1), anna)).toMatchObject({ won: true, view: { n: 3 } });
    await won(log.append({ ...pinned, ...(await log.read()) }, ACQUIRE, holder('bert')));
    expect(await log.appendAfter(mine, commitOf(1), anna)).toEqual({ won: false, why: 'void' });
    expect(await log.read()).toMatchObject({ n: 4, held: { by: { host: 'bert' } } });
  });

  it('names keys and places apart, and places by any text', () => {
    const cache = cacheOn();
    expect(keyLog(cache, KEY).id).toBe(`v1/keys/77/${KEY}`);
    const ids = ['a', 'a/', 'ü', 's3://b//c', 'x'.repeat(5000)].map((place) => placeLog(cache, place).id);
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(id).toMatch(/^v1\/places\/[0-9a-f]{2}\/blake3-[0-9a-f]{64}$/);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_LOG, type Entry, fold, type LogState, type Slot, unreadable } from '../../src/core/slot.js';
import { parseSlot, slotText } from '../../src/core/slot-text.js';
import { blake3 } from '../../src/hash.js';
import { holder, KEY, OTHER_KEY, record } from '../engine/rig.js';

const hash = blake3();
const [anna, bert] = [holder('anna'), holder('bert')];

type Entries = readonly (Entry & { readonly by?: typeof anna })[];

/** One entry after the other from slot 1; what is void takes no slot. */
function logAfter(...entries: Entries) {
  let [state, n]: [LogState, number] = [EMPTY_LOG, 0];
  const voids: number[] = [];
  for (const [index, { by = anna, ...entry }] of entries.entries()) {
    const next = fold(state, { entry: entry as Entry, n: n + 1, at: 1000 + n, by });
    if ('void' in next) voids.push(index);
    else [state, n] = [next, n + 1];
  }
  return { state, n, voids };
}

const acquire = (by = anna) => ({ kind: 'acquire', by }) as const;
const commit = (attempt: number): Entry => ({ kind: 'commit', attempt, key: KEY, record: record(attempt) });
const release = (attempt: number, untouched = false): Entry => ({ kind: 'release', attempt, untouched });
const tombstone = (attempts: number[], undo = false): Entry => ({ kind: 'tombstone', attempts, undo, why: 'w' });
const pin = (attempts: number[], undo = false): Entry => ({ kind: 'pin', attempts, undo });
const committed = (attempt: number) => ({ state: 'committed', key: KEY, attempt });

describe('what a log says after its entries', () => {
  it('somebody began: he holds it under the number of his slot, and nothing is proven', () => {
    const { state } = logAfter(acquire());
    expect(state).toEqual({
      held: { attempt: 1, at: 1000, by: anna },
      last: { state: 'open', attempt: 1, before: { state: 'none' } },
      records: [],
    });
  });

  it('a commit is the record; the lease is held until it is released', () => {
    const { state } = logAfter(acquire(), commit(1));
    expect(state).toMatchObject({ held: { attempt: 1 }, last: committed(1), newest: record(1) });
    expect(state.records).toEqual([{ attempt: 1, slot: 2, producedAt: record(1).producedAt }]);
    const { held: _, ...free } = state;
    expect(logAfter(acquire(), commit(1), release(1)).state).toEqual(free);
  });

  it('in a place’s log a commit names key and attempt of the key’s log', () => {
    const entry: Entry = { kind: 'commit', attempt: 1, key: KEY, of: 17 };
    expect(logAfter(acquire(), entry).state).toMatchObject({ last: committed(17), records: [] });
  });

  it.each<[string, Entries]>([
    ['a commit by whom nobody knows', [commit(1)]],
    ['a commit after a takeover', [acquire(), acquire(bert), commit(1)]],
    ['a commit after the release', [acquire(), release(1), commit(1)]],
    ['a release after a takeover', [acquire(), acquire(bert), release(1)]],
    ['a release of nothing', [release(1)]],
  ])('%s is void', (_, entries) => {
    expect(logAfter(...entries).voids).toEqual([entries.length - 1]);
  });

  it('after a takeover the new holder commits under his own number', () => {
    const { state, voids } = logAfter(acquire(), acquire(bert), commit(1), commit(2));
    expect(voids).toEqual([2]);
    expect(state).toMatchObject({
      held: { attempt: 2, by: bert },
      last: committed(2),
      records: [{ attempt: 2, slot: 3 }],
    });
  });

  it('tombstones and pins of others do not take the lease: the commit takes the next number', () => {
    const { state, voids } = logAfter(acquire(), tombstone([]), pin([9]), commit(1));
    expect(voids).toEqual([]);
    expect(state).toMatchObject({ last: committed(1), records: [{ attempt: 1, slot: 4 }] });
  });

  it('a lease given back unused restores what was known before', () => {
    const before = logAfter(acquire(), commit(1), release(1)).state;
    expect(logAfter(acquire(), commit(1), release(1), acquire(bert), release(4, true)).state).toEqual(before);
    expect(logAfter(acquire(), release(1, true)).state).toEqual(EMPTY_LOG);
  });

  it('a lease given back used does not; nor does one taken over from somebody who may have begun', () => {
    const done = [acquire(), commit(1), release(1)] as const;
    expect(logAfter(...done, acquire(bert), release(4)).state.last).toMatchObject({ state: 'open', attempt: 4 });
    expect(logAfter(...done, acquire(bert), acquire(), release(5, true)).state.last).toEqual({
      state: 'open',
      attempt: 4,
    });
  });

  it('a lease given back unused is not taken for one more that failed', () => {
    const failed = logAfter(acquire(), release(1)).state.last;
    expect(failed).toMatchObject({ state: 'open', attempt: 1 });
    expect(logAfter(acquire(), release(1), acquire(bert), release(3, true)).state.last).toEqual({
      state: 'open',
      attempt: 1,
    });
  });

  it('a lease given back unused after a tombstone of the place, or after its own commit, restores nothing', () => {
    expect(logAfter(acquire(), commit(1), release(1), acquire(), tombstone([]), release(4, true)).state.last).toEqual({
      state: 'open',
      attempt: 5,
    });
    expect(logAfter(acquire(), commit(1), release(1, true)).state.last).toEqual(committed(1));
  });

  it('tombstones mark records and are undone; without a name they open the place, and undo does not close it', () => {
    const done = [acquire(), commit(1), release(1)] as const;
    expect(logAfter(...done, tombstone([1])).state).toMatchObject({
      last: committed(1),
      records: [{ attempt: 1, tombstoned: true }],
    });
    expect(logAfter(...done, tombstone([1]), tombstone([1], true)).state.records).toMatchObject([
      { tombstoned: false },
    ]);
    expect(logAfter(...done, tombstone([3])).state.records).toEqual(logAfter(...done).state.records);
    expect(logAfter(...done, tombstone([])).state.last).toEqual({ state: 'open', attempt: 4 });
    expect(logAfter(...done, tombstone([]), tombstone([], true)).state.last).toEqual({ state: 'open', attempt: 4 });
  });

  it('pins mark records and are undone', () => {
    const done = [acquire(), commit(1), release(1)] as const;
    expect(logAfter(...done, pin([1])).state.records).toMatchObject([{ attempt: 1, pinned: true }]);
    expect(logAfter(...done, pin([1]), pin([1], true)).state.records).toMatchObject([{ attempt: 1, pinned: false }]);
  });

  it('keeps the newest 64 records, every pinned one, and always the one just made', () => {
    let [state, n]: [LogState, number] = [EMPTY_LOG, 0];
    const add = (entry: Entry) => {
      const next = fold(state, { entry, n: n + 1, at: 0, by: anna });
      if ('void' in next) throw new Error(next.void);
      [state, n] = [next, n + 1];
    };
    const produce = (pinned: boolean) => {
      add({ kind: 'acquire' });
      const attempt = n;
      add(commit(attempt));
      if (pinned) add(pin([attempt]));
      return attempt;
    };
    const first = produce(true);
    const others = Array.from({ length: 70 }, () => produce(false));
    expect(state.records.map(({ attempt }) => attempt)).toEqual([first, ...others.slice(-63)]);
    const pinned = Array.from({ length: 70 }, () => produce(true));
    const newest = produce(false);
    expect(state.records.map(({ attempt }) => attempt)).toEqual([first, ...pinned, newest]);
    expect(state.newest?.attempt).toBe(newest);
  });

  it('a highest slot that nobody can read: somebody unknown began, and older records still stand', () => {
    const before = logAfter(acquire(), commit(1), release(1)).state;
    expect(unreadable(before, 4, 7)).toEqual({
      ...before,
      held: { attempt: 4, at: 7, by: expect.objectContaining({ host: '?', boot: '?' }) },
      last: { state: 'open', attempt: 4 },
    });
  });

  it('whatever is written in whatever order: only who holds it commits, and nothing proves what nobody committed', () => {
    const attempt = fc.integer({ min: 0, max: 8 });
    const entries = fc.oneof(
      fc.constant<Entry>({ kind: 'acquire' }),
      attempt.map((one) => commit(one)),
      fc.tuple(attempt, fc.boolean()).map(([one, untouched]) => release(one, untouched)),
      fc.tuple(fc.array(attempt, { maxLength: 2 }), fc.boolean()).map(([some, undo]) => tombstone(some, undo)),
      fc.tuple(fc.array(attempt, { maxLength: 2 }), fc.boolean()).map(([some, undo]) => pin(some, undo)),
    );
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 30 }), (all) => {
        let [state, n]: [LogState, number] = [EMPTY_LOG, 0];
        let holding: number | undefined;
        const commits = new Set<number>();
        for (const entry of all) {
          const next = fold(state, { entry, n: n + 1, at: 0, by: anna });
          const needsLease = entry.kind === 'commit' || entry.kind === 'release';
          expect('void' in next).toBe(needsLease && entry.attempt !== holding);
          if ('void' in next) continue;
          [state, n] = [next, n + 1];
          if (entry.kind === 'acquire') holding = n;
          if (entry.kind === 'release') holding = undefined;
          if (entry.kind === 'commit') commits.add(entry.attempt);
          expect(state.held?.attempt).toBe(holding);
          if (state.last.state === 'committed') expect(commits).toContain(state.last.attempt);
          if (entry.kind === 'acquire') expect(state.last.state).toBe('open');
        }
      }),
      { numRuns: 3000 },
    );
  });
});

const slot = (entry: Entry, before: LogState = EMPTY_LOG, n = 1): Slot => {
  const state = fold(before, { entry, n, at: 1_700_000_000_123, by: anna });
  if ('void' in state) throw new Error(state.void);
  return { v: 1, n, at: 1_700_000_000_123, nonce: '00112233445566778899aabb', by: anna, entry, state };
};
const held = slot({ kind: 'acquire' });
const done = slot({ kind: 'commit', attempt: 1, key: KEY, record: record(1, { outputs: [output()] }) }, held.state, 2);

function output() {
  const part = { path: 'a ü\n"\u{1f600}', size: 3, modifiedAt: 5, etag: 'e' };
  return {
    ...{ name: 'output', uri: 's3://b/x/', markerSeen: true, count: 1, bytes: 3 },
    ...{ identity: hash.digest(new Uint8Array(1)), parts: { here: [part] } },
  };
}

const GOLDEN: Readonly<Record<string, Slot>> = {
  acquire: held,
  takeover: slot({ kind: 'acquire' }, held.state, 2),
  commit: done,
  'commit-of-place': slot({ kind: 'commit', attempt: 1, key: OTHER_KEY, of: 5 }, held.state, 2),
  release: slot(release(1), done.state, 3),
  'release-untouched': slot(release(1, true), held.state, 2),
  tombstone: slot(tombstone([1]), done.state, 3),
  pin: slot(pin([1]), done.state, 3),
};

describe('the bytes of a slot', () => {
  it.each(Object.entries(GOLDEN))('%s is written as ever, and read as it was written', async (name, one) => {
    const text = slotText(one, hash);
    await expect(text).toMatchFileSnapshot(`../golden/slots/${name}.txt`);
    expect(parseSlot(text, one.n, hash)).toEqual(one);
    expect(parseSlot(text, one.n + 1, hash)).toBeUndefined();
  });

  it.each(Object.entries(GOLDEN))('%s: any byte flipped, lost or added, and any end cut off, is no slot', (_, one) => {
    const whole = Buffer.from(slotText(one, hash));
    // As the log reads it: what is no UTF-8 becomes a replacement character.
    const read = (bytes: Uint8Array) => parseSlot(new TextDecoder().decode(bytes), one.n, hash);
    const accepted: string[] = [];
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [0x01, 0x20, 0x80, 0xff]) {
        const flipped = Buffer.from(whole);
        flipped[at]! ^= bit;
        if (read(flipped)) accepted.push(`flip ${bit} at ${at}`);
      }
      if (read(whole.subarray(0, at))) accepted.push(`cut at ${at}`);
      if (read(Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]))) accepted.push(`lost ${at}`);
    }
    for (const more of ['\n', ' ', '\0', 'x\n'])
      if (read(Buffer.concat([whole, Buffer.from(more)]))) accepted.push(more);
    expect(accepted).toEqual([]);
    expect(read(whole)).toEqual(one);
  });

  it('another version, or what has a right digest and is no slot, is none and no error', () => {
    const signed = (line: string) => `${line}\n${hash.digest(new TextEncoder().encode(line))}\n`;
    const lines = ['', 'null', '1', '"x"', '[]', '{}', '{', JSON.stringify({ ...held, v: 2 })];
    for (const line of lines) expect(parseSlot(signed(line), 1, hash), line).toBeUndefined();
    expect(parseSlot(signed(JSON.stringify(held)), 1, hash)).toEqual(held);
  });
});

import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/drivers/memory.js';
import { forward } from '../../src/store/forward.js';
import { type Check, type ProbeReport, probeStore, withProbe } from '../../src/store/probe.js';
import type { Head, Store } from '../../src/store/store.js';
import { bytes, collect, retryable, storeError } from './fakes.js';

const finding = (report: ProbeReport, check: Check) => report.findings.find((item) => item.check === check);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('probeStore', () => {
  test('finds nothing against a store that keeps its word, and leaves nothing behind', async () => {
    const memory = memoryStore();
    await memory.write('mine/important', bytes('x'));
    const written: string[] = [];
    const spied = forward(memory, {
      write(key, body, call) {
        written.push(key);
        return memory.write(key, body, call);
      },
    });
    const report = await probeStore(spied, { prefix: 'cache/' });
    expect(report).toMatchObject({
      exclusiveCreate: 'yes',
      strongList: true,
      faithful: true,
      rights: { write: 'yes', read: 'yes', list: 'yes', remove: 'yes' },
    });
    expect(report.findings.map((item) => item.outcome)).toEqual(Array(6).fill('passed'));
    expect(written.length).toBeGreaterThan(160);
    expect(written.every((key) => key.startsWith('cache/probe-'))).toBe(true);
    expect((await collect(memory.list(''))).map((head) => head.key)).toEqual(['mine/important']);
    expect(structuredClone(report)).toEqual(report);
  });

  test('a store that ignores the condition', async () => {
    const memory = memoryStore();
    const report = await probeStore(forward(memory, { write: (key, body) => memory.write(key, body) }), { prefix: '' });
    expect(report.exclusiveCreate).toBe('no');
    expect(finding(report, 'sequence')?.because).toContain('ignored');
    expect(finding(report, 'race')?.outcome).toBe('failed');
    expect(report.faithful).toBe(true);
  });

  test('a store that is right in sequence and wrong in races', async () => {
    const memory = memoryStore();
    const racy = forward(memory, {
      async write(key, body, call) {
        if (call?.ifAbsent && (await memory.head(key))) return { written: false };
        await turn();
        return memory.write(key, body);
      },
    });
    const report = await probeStore(racy, { prefix: 'p/' });
    expect(finding(report, 'sequence')?.outcome).toBe('passed');
    expect(finding(report, 'race')).toMatchObject({ outcome: 'failed', because: expect.stringContaining('told that') });
    expect(report.exclusiveCreate).toBe('no');
  });

  test('a store with one winner and another’s bytes', async () => {
    const memory = memoryStore();
    const torn = forward(memory, {
      async write(key, body, call) {
        const answer = await memory.write(key, body, call);
        if (!answer.written && key.includes('race')) await memory.write(key, body);
        return answer;
      },
    });
    const report = await probeStore(torn, { prefix: 'p/' });
    expect(finding(report, 'race')?.because).toContain('not the winner');
  });

  test('answers that are lost in a race are no evidence against the store, and no answers are none for it', async () => {
    const flaky = (lose: (n: number) => boolean): Store => {
      const memory = memoryStore();
      let n = 0;
      return forward(memory, {
        async write(key, body, call) {
          const answer = await memory.write(key, body, call);
          if (key.includes('race') && lose(n++)) throw retryable({ unclear: true });
          return answer;
        },
      });
    };
    expect(
      await probeStore(
        flaky((n) => n % 3 === 0),
        { prefix: 'p/' },
      ),
    ).toMatchObject({ exclusiveCreate: 'yes' });
    const memory = memoryStore();
    const dead = forward(memory, {
      write: (key, body, call) => (key.includes('race') ? Promise.reject(retryable()) : memory.write(key, body, call)),
    });
    const report = await probeStore(dead, { prefix: 'p/' });
    expect(finding(report, 'race')?.outcome).toBe('undecided');
    expect(report.exclusiveCreate).toBe('no');
  });

  test('a store whose listings are old', async () => {
    const memory = memoryStore();
    let before: Head[] = [];
    const stale = forward(memory, {
      async *list(prefix, call) {
        const now = await collect(memory.list(prefix, call));
        yield* before;
        before = now;
      },
    });
    const report = await probeStore(stale, { prefix: 'p/' });
    expect(report).toMatchObject({ strongList: false, exclusiveCreate: 'yes' });
    expect(withProbe(stale, report).traits).toMatchObject({ strongList: false, exclusiveCreate: 'yes' });
  });

  test('a store that keeps the framing of an upload', async () => {
    const memory = memoryStore();
    const framed = forward(memory, {
      write: (key, body, call) =>
        memory.write(key, Buffer.concat([bytes(`${body.length.toString(16)}\r\n`), body]), call),
    });
    const report = await probeStore(framed, { prefix: 'p/' });
    expect(report).toMatchObject({ faithful: false, exclusiveCreate: 'no' });
    expect(finding(report, 'read-back')?.outcome).toBe('failed');
  });

  test('rights that are missing are told apart, not thrown', async () => {
    const denied = () => Promise.reject(storeError('store/denied'));
    const readOnly = await probeStore(forward(memoryStore(), { write: denied }), { prefix: 'p/' });
    expect(readOnly).toMatchObject({ exclusiveCreate: 'no', rights: { write: 'denied', read: 'yes', list: 'yes' } });
    const blind = await probeStore(forward(memoryStore(), { read: denied }), { prefix: 'p/' });
    expect(blind.rights).toMatchObject({ write: 'yes', read: 'denied' });
    const keeping = await probeStore(forward(memoryStore(), { remove: denied }), { prefix: 'p/' });
    expect(keeping.rights.remove).toBe('denied');
    expect(finding(keeping, 'cleanup')?.because).toMatch(/keys are left below p\/probe-/);
  });

  test('a bucket that is not there is no finding', async () => {
    const gone = forward(memoryStore(), { write: () => Promise.reject(storeError('store/no-bucket')) });
    await expect(probeStore(gone, { prefix: 'p/' })).rejects.toMatchObject({ code: 'store/no-bucket' });
  });

  test('a prefix that is no folder of our own form is refused before anything is written', async () => {
    for (const prefix of ['p', '/', 'a//', '../', 'ä/'])
      await expect(probeStore(memoryStore(), { prefix })).rejects.toMatchObject({ code: 'config/bad-store-key' });
  });

  test('the store’s clock is told, with what is not known of it', async () => {
    let ours = 1_000_000;
    const now = () => (ours += 40);
    const fine = memoryStore({ now: () => ours + 90_001 });
    const report = await probeStore(fine, { prefix: 'p/', now });
    expect(Math.abs(report.clock!.offsetMs - 90_001)).toBeLessThanOrEqual(report.clock!.uncertaintyMs);
    expect(report.clock!.uncertaintyMs).toBeLessThan(100);
    const coarse = memoryStore({ now: () => Math.floor((ours - 5_000) / 1000) * 1000 });
    const second = await probeStore(coarse, { prefix: 'p/', now });
    expect(Math.abs(second.clock!.offsetMs + 5_000)).toBeLessThanOrEqual(second.clock!.uncertaintyMs);
  });
});

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isStoreError } from '../../src/core/error.js';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { probeStore } from '../../src/store/probe.js';
import { settling } from '../../src/store/settle.js';
import type { Store } from '../../src/store/store.js';
import { countUnhandled } from '../faults/campaign.js';
import { freshBucket, rigServer } from '../rig/rig-server.js';
import type { S3Facts, S3Server } from '../rig/s3-server.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';
import { startVersitygw } from '../rig/versitygw.js';
import { bytes, expectBytes, expectCode, inParallel, keysBelow, listAll, put, readAll } from './laws/acts.js';

/**
 * The rows of ../../../research/s3-servers.md that concern us: not what the servers do, but what our driver makes of it.
 * A row that belongs to one server is registered on that server only, and its name says so.
 */
const server = rigServer();
const kind = server.name === 'docker' ? 'versitygw' : server.name;

function open(wire: 'lean' | 'sdk', bucket: string, at: S3Facts = server): Store {
  const { endpoint, region, credentials } = at;
  return s3Store({ bucket, endpoint, region, credentials, wire, pathStyle: true });
}

describe.each(['lean', 'sdk'] as const)(`${kind}, %s wire`, (wire) => {
  let bucket: string;
  let store: Store;
  let witness: Witness;
  beforeAll(async () => {
    bucket = await freshBucket();
    store = open(wire, bucket);
    witness = new Witness(server, bucket);
  });
  afterAll(async () => {
    await store.close();
    witness.close();
  });

  test('HEAD is the same bare 404 for a missing key and a missing bucket: the driver asks once more', async () => {
    expect(await store.head('missing')).toBeUndefined();
    const nowhere = open(wire, `nowhere-${randomBytes(4).toString('hex')}`);
    await expectCode(nowhere.head('missing'), 'store/no-bucket');
    await expectCode(nowhere.read('missing'), 'store/no-bucket');
    await expectCode(listAll(nowhere, ''), 'store/no-bucket');
    await nowhere.close();
  });

  test('ETags come quoted and are told bare, the same from HEAD, GET, PUT and LIST', async () => {
    const written = await store.write('etag', bytes('x'));
    // MD5 of "x": a plain single PUT has it on every server met.
    expect(written).toEqual({ written: true, etag: '9dd4e461268c8034f5c8564e155c67a6' });
    const [listed] = await listAll(store, 'etag');
    const found = await store.read('etag');
    for await (const _ of found!.body);
    for (const head of [listed, found!.head, await store.head('etag')])
      expect(head!.etag).toBe('9dd4e461268c8034f5c8564e155c67a6');
  });

  test('HEAD knows whole seconds, LIST may know more: the same time within a second', async () => {
    await put(store, 'time', 'x');
    const [listed] = await listAll(store, 'time');
    const head = (await store.head('time'))!;
    expect(head.modifiedAt % 1000).toBe(0);
    expect(Math.floor(listed!.modifiedAt / 1000)).toBe(head.modifiedAt / 1000);
  });

  test('pages may be shorter than asked and are followed by their token only: 1,200 keys, each once', async () => {
    const keys = Array.from({ length: 1_200 }, (_, i) => `pages/${String(i).padStart(4, '0')}`);
    await inParallel(keys, 32, (key) => put(store, key, 'x'));
    expect(await keysBelow(store, 'pages/')).toEqual(keys);
    expect(await keysBelow(store, 'pages/', { after: keys[961]! })).toEqual(keys.slice(962));
  });

  test('a range past the end is 416, and an empty read', async () => {
    await put(store, 'range', '0123456789');
    expectBytes(await readAll(store, 'range', { offset: 10 }), bytes(''));
    await put(store, 'range-empty', '');
    expectBytes(await readAll(store, 'range-empty', { offset: 0, length: 5 }), bytes(''));
  });

  test('what is removed and listed at once is gone, 100 times', async () => {
    await inParallel(
      Array.from({ length: 100 }, (_, i) => `soon/${i}`),
      16,
      async (key) => {
        await put(store, key, 'x');
        expect(await keysBelow(store, key)).toContain(key);
        await store.remove(key);
        expect(await keysBelow(store, `${key}`)).not.toContain(key);
      },
    );
  });

  test('the probe finds nothing against this server, and leaves nothing', async () => {
    const report = await probeStore(store, { prefix: 'probe/' });
    expect(report.findings.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect(report).toMatchObject({ exclusiveCreate: 'yes', faithful: true, strongList: true });
    expect(await witness.list('probe/')).toEqual([]);
  });

  test('300 losers with bodies of 4 MiB: each ends, none wins, and the process lives', async () => {
    const safe = settling(store);
    const big = new Uint8Array(4 * 1024 * 1024).fill(7);
    await put(store, 'taken', 'first');
    const { unhandled } = await countUnhandled(async () => {
      const told = { lost: 0, unclear: 0 };
      await inParallel(
        Array.from({ length: 300 }, (_, i) => i),
        8,
        async () => {
          // Not settled: what the wire makes of an answer that comes before the body has gone.
          const answer = await store.write('taken', big, { ifAbsent: true }).catch((error: unknown) => {
            if (!isStoreError(error)) throw error;
            expect(error.facts).toMatchObject({ unclear: true });
            return undefined;
          });
          if (answer === undefined) told.unclear += 1;
          else {
            expect(answer).toEqual({ written: false });
            told.lost += 1;
          }
        },
      );
      expect(told.lost + told.unclear).toBe(300);
      await inParallel([1, 2, 3, 4, 5, 6], 3, async () => {
        expect(await safe.write('taken', big, { ifAbsent: true })).toEqual({ written: false });
      });
    });
    expect(unhandled).toEqual([]);
    expectBytes(await readAll(store, 'taken'), bytes('first'));
  });

  if (kind === 'versitygw') {
    test('versitygw only: a key below a key is refused for good, not as a conflict to try again', async () => {
      await put(store, 'file', 'x');
      await expectCode(store.write('file/below', bytes('y')), 'store/bad-key');
      await expectCode(store.write('file/below', bytes('y'), { ifAbsent: true }), 'store/bad-key');
      expect(await store.head('file/below')).toBeUndefined();
      expectBytes(await readAll(store, 'file'), bytes('x'));
    });

    test('versitygw only: a slot whose newest version is a delete marker cannot be created again, and nobody believes it', async () => {
      const versioned = await freshBucket({ versioned: true });
      const slots = settling(open(wire, versioned), { deadlineMs: 1_500, baseMs: 5, capMs: 50 });
      await put(slots, 'slot', 'one', { ifAbsent: true });
      await slots.remove('slot');
      expect(await slots.head('slot')).toBeUndefined();
      const again = await slots.write('slot', bytes('two'), { ifAbsent: true }).catch((error: unknown) => error);
      // Refused as taken or as unclear; never written over, and never a second winner.
      if (isStoreError(again)) expect(again.facts.unclear).toBe(true);
      else expect(again).toEqual({ written: false });
      expect(await slots.head('slot')).toBeUndefined();
      await slots.close();
    });
  }

  if (kind === 'radosgw') {
    test('radosgw only: conditions are ignored in a versioned bucket, and the probe finds it', async () => {
      const versioned = open(wire, await freshBucket({ versioned: true }));
      const report = await probeStore(versioned, { prefix: 'probe/' });
      expect(report.exclusiveCreate).toBe('no');
      expect(report.findings.find(({ check }) => check === 'sequence')?.outcome).toBe('failed');
      await versioned.close();
    });

    test('radosgw only: a key and keys below it are all kept, also `.`, `..` and `a//b`', async () => {
      for (const key of ['f', 'f/x', 'f//x', 'f/../x', 'f/.']) await put(store, key, key);
      for (const key of ['f', 'f/x', 'f//x', 'f/../x', 'f/.']) expectBytes(await readAll(store, key), bytes(key));
    });
  }
});

// The server's own default closes the connection after an early 412, and a client in the middle of its body sees a reset.
if (server.name === 'versitygw')
  describe.each(['lean', 'sdk'] as const)('versitygw only, without --keep-alive, %s wire', (wire) => {
    let gateway: S3Server;
    beforeAll(async () => {
      gateway = await startVersitygw({ keepAlive: false });
      await sdkMakeBucket(gateway, 'early');
    });
    afterAll(() => gateway?.stop());

    test('a reset instead of 412 is settled: 240 losers of 4 MiB, one owner, no error that nobody handles', async () => {
      const driver = open(wire, 'early', gateway);
      const safe = settling(driver);
      const { unhandled } = await countUnhandled(async () => {
        for (let round = 0; round < 10; round += 1) {
          const body = (i: number) => new Uint8Array(4 * 1024 * 1024).fill(i + 1);
          const answers = await Promise.all(
            Array.from({ length: 25 }, (_, i) => safe.write(`slot-${round}`, body(i), { ifAbsent: true })),
          );
          const winners = answers.flatMap(({ written }, i) => (written ? [i] : []));
          expect(winners).toHaveLength(1);
          expectBytes(await readAll(driver, `slot-${round}`), body(winners[0]!));
        }
      });
      expect(unhandled).toEqual([]);
      await driver.close();
    });
  });

import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { intBelow } from '../random.js';
import type { Law } from '../store-suite.js';
import { bytes, expectBytes, listAll, put, readAll } from './acts.js';

const racers = 24;

export const raceLaws: readonly Law[] = [
  {
    law: 'ifAbsent has exactly one winner of many, across clients, and only its bytes are ever seen',
    check: async ({ store, peer, prefix }) => {
      // A broken server has wrong rounds about every second time (../../../research: s3s-fs 12 of 20): 8 find it.
      for (let round = 0; round < 8; round += 1) {
        const key = `${prefix}slot-${round}`;
        const answers = await Promise.all(
          Array.from({ length: racers }, (_, i) =>
            (i % 2 === 0 ? store : peer).write(key, bytes(`racer ${i}`), { ifAbsent: true }),
          ),
        );
        const winners = answers.flatMap(({ written }, i) => (written ? [i] : []));
        expect(winners, `round ${round}`).toHaveLength(1);
        expectBytes(await readAll(peer, key), bytes(`racer ${winners[0]}`));
        expectBytes(await readAll(store, key), bytes(`racer ${winners[0]}`));
      }
    },
  },
  {
    law: 'a reader beside writers gets one whole body, old or new',
    check: async ({ store, peer, prefix, random, isWritten }) => {
      const key = `${prefix}busy`;
      // Each body is one byte over and over, and its size follows from that byte.
      const bodyOf = (value: number) => new Uint8Array(20_000 + value * 1_000).fill(value);
      await put(store, key, bodyOf(1));
      let writing = true;
      const write = async () => {
        try {
          for (let i = 0; i < 25; i += 1) await put(store, key, bodyOf(1 + intBelow(random, 100)));
        } finally {
          writing = false;
        }
      };
      let reads = 0;
      const read = async () => {
        while (writing || reads === 0) {
          const found = await peer.read(key);
          expect(found, 'an overwritten object is never away').toBeDefined();
          const pieces: Uint8Array[] = [];
          for await (const piece of found!.body) pieces.push(piece);
          const got = Buffer.concat(pieces);
          expect(got.length).toBe(found!.head.size);
          expect(got.equals(bodyOf(got[0] ?? 0)), 'a mix of two bodies').toBe(true);
          reads += 1;
          // A store on a local disk answers in the same turn: without a pause the writer would never come to act.
          await setImmediate();
        }
      };
      const look = async () => {
        while (writing) {
          const listed = (await listAll(peer, prefix)).filter((head) => isWritten(head.key));
          expect(listed.map((head) => head.key)).toEqual([key]);
          expect((listed[0]!.size - 20_000) % 1_000).toBe(0);
          await setImmediate();
        }
      };
      await Promise.all([write(), read(), read(), look()]);
      expect(reads).toBeGreaterThan(0);
    },
  },
  {
    law: 'a write that ended is seen by the next listing of any client',
    check: async ({ store, peer, prefix }) => {
      expect(store.traits.strongList).toBe(true);
      for (let i = 0; i < 15; i += 1) {
        await put(store, `${prefix}n${i}`, 'x');
        expect((await listAll(peer, prefix)).length).toBe(i + 1);
      }
      await store.remove(`${prefix}n7`);
      expect((await listAll(peer, prefix)).map(({ key }) => key)).not.toContain(`${prefix}n7`);
    },
  },
];

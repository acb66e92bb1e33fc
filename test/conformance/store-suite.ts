import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Store } from '../../src/store/store.js';
import { keyLaws } from './laws/keys.js';
import { listLaws } from './laws/lists.js';
import { mannerLaws } from './laws/manners.js';
import { multipartLaws } from './laws/multipart.js';
import { raceLaws } from './laws/races.js';
import { readLaws } from './laws/reads.js';
import { writeLaws } from './laws/writes.js';
import { intBelow, randomFrom, seedOfRun } from './random.js';

/** A store and, where one can be had, a second client of the same place: what races has to race across clients. */
export interface Made {
  readonly store: Store;
  readonly peer?: Store;
  cleanup(): Promise<void>;
}

export interface SuiteOptions {
  readonly name: string;
  readonly make: () => Promise<Made>;
  /** A law that does not hold here, and why: listed in the output as skipped, with the reason. */
  readonly skip?: readonly { readonly law: string; readonly reason: string }[];
  /** Keys of nobody's that this server lists for a moment while it overwrites an object. */
  readonly passing?: RegExp | undefined;
}

/** What one law gets to work with. Keys below `prefix` are its own. */
export interface Court {
  readonly store: Store;
  readonly peer: Store;
  readonly prefix: string;
  readonly random: () => number;
  /** False for a key that only passes by: see SuiteOptions.passing. */
  isWritten(key: string): boolean;
  /** Another store of the same kind, for laws that spoil theirs. */
  fresh(): Promise<Store>;
}

export interface Law {
  readonly law: string;
  readonly check: (court: Court) => Promise<void>;
}

export const laws: readonly Law[] = [
  ...readLaws,
  ...writeLaws,
  ...multipartLaws,
  ...raceLaws,
  ...listLaws,
  ...keyLaws,
  ...mannerLaws,
];

/** Registers every law of the port for one kind of store. */
export function storeSuite({ name, make, skip = [], passing }: SuiteOptions): void {
  for (const { law } of skip)
    if (!laws.some((one) => one.law === law)) throw new Error(`${name} skips a law that is not there: "${law}"`);
  const seed = seedOfRun();

  describe(`${name} (STEPASIDE_SEED=${seed})`, () => {
    let made: Made;
    const spoilt: Made[] = [];
    beforeAll(async () => {
      made = await make();
    });
    afterAll(async () => {
      await Promise.all([...spoilt, made].map((one) => one?.cleanup()));
    });

    laws.forEach(({ law, check }, index) => {
      const waived = skip.find((one) => one.law === law);
      if (waived !== undefined) {
        test.skip(`${law} (${waived.reason})`, () => {});
        return;
      }
      test(law, async () => {
        const random = randomFrom(seed + index);
        await check({
          store: made.store,
          peer: made.peer ?? made.store,
          prefix: `law-${index}-${intBelow(random, 2 ** 30).toString(36)}/`,
          random,
          isWritten: (key) => passing?.test(key) !== true,
          fresh: async () => {
            const another = await make();
            spoilt.push(another);
            return another.store;
          },
        });
      });
    });
  });
}

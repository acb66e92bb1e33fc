import { isStoreError } from '../../src/core/error.js';
import type { Store } from '../../src/store/store.js';
import { bytesFrom, intBelow } from '../conformance/random.js';
import type { Asked, FaultProxy } from '../rig/fault-proxy.js';
import type { Witness } from '../rig/sdk.js';
import { Oracle, type Told, type Verdict } from './f4-oracle.js';

export interface F4ClientOptions {
  /** Nobody else touches what is below it. */
  readonly prefix: string;
  readonly random: () => number;
  readonly store: Store;
  readonly proxy: FaultProxy;
  readonly witness: Witness;
  readonly deadlines: { readonly retryMs: number; readonly settleMs: number; readonly graceMs: number };
}

export interface Outcome {
  readonly call: string;
  readonly ended: 'answered' | 'refused';
  /** By how much one wait exceeded deadline and grace; 0 = in time. */
  readonly lateMs: number;
  readonly verdict: Verdict;
  /** The proxy changed content in a way that no client at this level can see. */
  readonly excused: boolean;
}

const acts = ['head', 'read', 'list', 'write', 'write', 'create', 'create', 'contest', 'remove'] as const;

/** One client, acting at random on keys of its own, one call after the other, each judged before the next. */
export class F4Client {
  readonly #options: F4ClientOptions;
  readonly #oracle: Oracle;
  #count = 0;

  constructor(options: F4ClientOptions) {
    this.#options = options;
    this.#oracle = new Oracle(options.witness);
  }

  async act(): Promise<Outcome> {
    const { prefix, random, proxy } = this.#options;
    const act = acts[intBelow(random, acts.length)]!;
    const key = `${prefix}k${intBelow(random, 7)}`;
    const before = proxy.history.length;
    const clock = new Clock();
    let told: Told | undefined;
    try {
      told = await this.#tell(act, key, clock);
    } catch (error) {
      // Whatever is not of the one family would not be understood by anybody above the port.
      if (!isStoreError(error)) throw error;
    }
    await proxy.idle((asked) => concerns(asked, prefix));
    const done = proxy.history.slice(before).filter(({ asked }) => concerns(asked, prefix));
    const bodyChanged = done.some(
      ({ fault, asked }) => fault === 'flip' || (fault === 'truncate-consistent' && !asked.query.has('list-type')),
    );
    const allowed =
      act === 'create' || act === 'contest' ? this.#options.deadlines.settleMs : this.#options.deadlines.retryMs;
    const verdict = told === undefined ? 'fine' : await this.#oracle.judge(told);
    const faultsDone = done.map(({ fault, asked }) => `${asked.method} ${fault}`).join(', ');
    return {
      call: `${this.#options.store.name} ${act} ${key} (${faultsDone})`,
      ended: isRefusal(told) ? 'refused' : 'answered',
      lateMs: Math.max(0, clock.longest - allowed - this.#options.deadlines.graceMs),
      verdict,
      excused: bodyChanged && verdict !== 'fine' && excusable(act, verdict),
    };
  }

  async #tell(act: (typeof acts)[number], key: string, clock: Clock): Promise<Told> {
    const { store, prefix, witness } = this.#options;
    switch (act) {
      case 'head': {
        const head = await clock.time(() => store.head(key));
        return { act, key, head: head && { size: head.size, etag: head.etag } };
      }
      case 'read': {
        const found = await clock.time(() => store.read(key));
        if (found === undefined) return { act, key, head: undefined, body: undefined };
        const body = Buffer.concat(await clock.drain(found.body));
        return { act, key, head: { size: found.head.size, etag: found.head.etag }, body };
      }
      case 'list': {
        // Small pages, so that there are pages to repeat.
        const heads = await clock.drain(store.list(prefix, { pageSize: 2 }));
        return { act, prefix, heads: heads.map((head) => ({ key: head.key, size: head.size, etag: head.etag })) };
      }
      case 'write':
      case 'create':
      case 'contest': {
        const ifAbsent = act !== 'write';
        const mine = this.#body('mine');
        const rival = act === 'contest' ? this.#body('rival') : undefined;
        const contest = rival && witness.put(key, rival, true).catch(() => undefined);
        const written = await changed(async () => {
          const answer = await clock.time(() => store.write(key, mine, { ifAbsent }));
          return answer.written;
        });
        await contest;
        return { act: 'write', key, ifAbsent, mine, rival, written };
      }
      case 'remove': {
        const removed = await changed(async () => {
          await clock.time(() => store.remove(key));
          return true as const;
        });
        return { act, key, removed };
      }
    }
  }

  /** Unlike any other body: settling an unclear answer compares bytes. */
  #body(whose: string): Buffer {
    const { prefix, random } = this.#options;
    this.#count += 1;
    const size = random() < 0.1 ? 60_000 : intBelow(random, 2_000);
    return Buffer.concat([Buffer.from(`${whose} ${prefix} ${this.#count} `), bytesFrom(random, size)]);
  }
}

/** A failed change is judged too: it may have been carried out or not, but nothing in between. */
async function changed<T>(change: () => Promise<T>): Promise<T | 'unclear' | 'undone'> {
  try {
    return await change();
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return error.facts.unclear === true ? 'unclear' : 'undone';
  }
}

function isRefusal(told: Told | undefined): boolean {
  if (told === undefined) return true;
  const outcome = told.act === 'write' ? told.written : told.act === 'remove' ? told.removed : 'told';
  return outcome === 'unclear' || outcome === 'undone';
}

function excusable(act: (typeof acts)[number], verdict: Exclude<Verdict, 'fine'>): boolean {
  if (act === 'read') return verdict.fault === 'content';
  // A bit of a key, a size or an ETag in the listing's XML.
  if (act === 'list') return true;
  // The answer was settled by reading back bytes that the proxy had changed: "not ours", which is the safe side.
  return (act === 'create' || act === 'contest') && verdict.why.endsWith('we were told it is not');
}

function concerns(asked: Asked, prefix: string): boolean {
  return asked.path.split('?')[0]!.includes(`/${prefix}`) || asked.query.get('prefix') === prefix;
}

/** Each wait counts for itself: how long a reader takes between two pieces is his own affair. */
class Clock {
  longest = 0;
  async time<T>(wait: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await wait();
    } finally {
      this.longest = Math.max(this.longest, performance.now() - began);
    }
  }
  async drain<T>(items: AsyncIterable<T>): Promise<T[]> {
    const all: T[] = [];
    const from = items[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.time(() => from.next());
      if (next.done) return all;
      all.push(next.value);
      if (all.length > 1_000) throw new Error('a listing or body that does not end');
    }
  }
}

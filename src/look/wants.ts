import { StoreError } from '../core/error.js';
import { compareUtf8 } from '../core/utf8.js';
import { NamesSeen } from '../store/names-seen.js';
import type { Found, Head, ListOptions, Store } from '../store/store.js';
import { stream } from '../store/stream.js';

/** One question to a store that waits for its answer: from a listing shared with others, or from a request of its own. */
export type Want = NameWant<Head> | NameWant<Found> | RangeWant;

/** An object, asked for by its name. */
export class NameWant<T> {
  readonly kind = 'name';
  /** Where in the order of keys it lies. */
  readonly at: string;
  readonly answer: Promise<T | undefined>;
  readonly #store: Store;
  readonly #made: (head: Head) => T | Promise<T | undefined>;
  readonly #alone: () => Promise<T | undefined>;
  #give: (answer: T | undefined | Promise<T | undefined>) => void = () => {};
  #settled = false;

  constructor(
    store: Store,
    key: string,
    how: { readonly made: (head: Head) => T | Promise<T | undefined>; readonly alone: () => Promise<T | undefined> },
  ) {
    this.at = key;
    this.#store = store;
    this.#made = how.made;
    this.#alone = how.alone;
    this.answer = new Promise((resolve) => {
      this.#give = resolve;
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** A listing shows it. */
  found(head: Head): void {
    if (this.#settled) return;
    this.#settled = true;
    const told = asHead(this.#store, head);
    this.#give(told === undefined ? this.#alone() : this.#made(told));
  }

  /** A whole listing of where it would be does not show it. */
  absent(): void {
    this.#settled = true;
    this.#give(undefined);
  }

  async alone(): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    const answer = this.#alone();
    this.#give(answer);
    await answer.catch(() => {});
  }
}

/**
 * What a HEAD would say of an object that a listing shows; undefined where it might say more. On S3: whole seconds, a tag
 * always, and only HEAD knows whether an archived object is back or an Intelligent-Tiering one has moved to an archive.
 */
function asHead({ traits }: Store, head: Head): Head | undefined {
  if (traits.kind !== 's3') return head;
  if (head.archived || head.etag === undefined || head.storageClass === 'INTELLIGENT_TIERING') return undefined;
  return { ...head, modifiedAt: Math.floor(head.modifiedAt / 1000) * 1000 };
}

/**
 * Everything that begins with a prefix, for one reader, who may break off. A shared listing deals out what it meets; at
 * any time the reader can be left to a listing of his own, which goes on where the shared one ended.
 */
export class RangeWant {
  readonly kind = 'range';
  readonly at: string;
  readonly heads: AsyncIterableIterator<Head, undefined>;
  readonly #begin: (want: RangeWant) => void;
  #begun = false;
  readonly #store: Store;
  readonly #options: ListOptions;
  #dealt: Head[] = [];
  #next = 0;
  #state: 'shared' | 'ended' | 'closed' | 'alone' = 'shared';
  #own: AsyncIterator<Head> | undefined;
  /** Names given out already, where a listing of his own cannot begin after the last of them. */
  #given: NamesSeen | undefined;
  #last: string | undefined;
  #broken = false;
  #wake: (() => void) | undefined;

  /** `begin` is told when somebody begins to read: who never does asks for nothing. */
  constructor(store: Store, prefix: string, how: { readonly options: ListOptions; begin(want: RangeWant): void }) {
    this.at = prefix;
    this.#store = store;
    this.#options = how.options;
    this.#begin = how.begin;
    this.heads = stream(
      () => this.#step(),
      () => this.#close(),
    );
  }

  get settled(): boolean {
    return this.#state !== 'shared';
  }

  /** He has read all that was dealt and asks for more. */
  get hungry(): boolean {
    return this.#state === 'shared' && this.#wake !== undefined;
  }

  deal(head: Head): void {
    // A second listing that is shared, after one that was given up, shows again what the first did.
    if (this.#state !== 'shared' || this.#isGiven(head.key)) return;
    this.#dealt.push(head);
    this.#last = head.key;
    if (!this.#store.traits.orderedList) {
      this.#given ??= new NamesSeen();
      this.#given.add(head.key);
    }
    this.#awake();
  }

  #isGiven(key: string): boolean {
    if (this.#given !== undefined) return this.#given.has(key);
    return this.#last !== undefined && compareUtf8(key, this.#last) <= 0;
  }

  /** All of it was dealt. */
  end(): void {
    if (this.#state === 'shared') this.#state = 'ended';
    this.#awake();
  }

  /** Resolves when his own listing has brought its first answer. */
  async alone(): Promise<void> {
    if (this.#state !== 'shared') return;
    this.#state = 'alone';
    // Begun in order, and order is no longer promised: nobody knows what has been left out.
    const { orderedList } = this.#store.traits;
    this.#broken = this.#last !== undefined && this.#given === undefined && !orderedList;
    const after = this.#given === undefined ? this.#last : undefined;
    const own = this.#store.list(this.at, { ...this.#options, ...(after !== undefined && { after }) });
    this.#own = own[Symbol.asyncIterator]();
    const reading = this.#wake !== undefined;
    const first = new Promise<void>((resolve) => {
      this.#first = resolve;
    });
    this.#awake();
    if (reading) await first;
  }

  #first: () => void = () => {};

  async #step(): Promise<IteratorResult<Head, undefined>> {
    if (!this.#begun) {
      this.#begun = true;
      this.#begin(this);
    }
    for (;;) {
      const head = this.#dealt[this.#next];
      if (head !== undefined) {
        this.#next += 1;
        if (this.#next === this.#dealt.length) [this.#dealt, this.#next] = [[], 0];
        return { done: false, value: head };
      }
      if (this.#state === 'alone') return this.#ownNext();
      if (this.#state !== 'shared') return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #ownNext(): Promise<IteratorResult<Head, undefined>> {
    try {
      if (this.#broken) throw this.#disorder();
      for (;;) {
        const result = (await this.#own!.next()) as IteratorResult<Head, undefined>;
        if (result.done || !this.#given?.has(result.value.key)) return result;
      }
    } finally {
      this.#first();
    }
  }

  #disorder(): StoreError {
    const { name } = this.#store;
    const facts = { store: name, key: this.at, retryable: true };
    return new StoreError('store/unavailable', `${name}: the list below ${this.at} went backwards`, facts);
  }

  async #close(): Promise<void> {
    if (this.#state === 'shared') this.#state = 'closed';
    this.#dealt = [];
    this.#first();
    await this.#own?.return?.();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

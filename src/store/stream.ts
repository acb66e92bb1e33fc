import type { Head, Page } from './store.js';

/**
 * An iterable made of a step and an ending. The ending runs once however reading ends - also when it never began, where
 * a generator's `finally` would not run and leave a file or a connection open.
 */
export function stream<T>(
  step: () => Promise<IteratorResult<T, undefined>>,
  end: () => void | Promise<void>,
): AsyncIterableIterator<T, undefined> {
  let ended = false;
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    if (!ended) {
      ended = true;
      await end();
    }
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (ended) return { done: true, value: undefined };
      try {
        const result = await step();
        return result.done ? await finish() : result;
      } catch (error) {
        await finish();
        throw error;
      }
    },
    return: finish,
  };
}

/** Each item through `change`; what becomes `undefined` is left out. */
export function mapStream<A, B>(items: AsyncIterable<A>, change: (item: A) => B | undefined): AsyncIterable<B> {
  const from = items[Symbol.asyncIterator]();
  return stream<B>(
    async () => {
      for (;;) {
        const { done, value } = await from.next();
        if (done) return { done: true, value: undefined };
        const changed = change(value);
        if (changed !== undefined) return { done: false, value: changed };
      }
    },
    async () => {
      await from.return?.();
    },
  );
}

/** The items of pages, one by one; a page is asked for when all before it were taken. */
export function flattened(pages: AsyncIterable<Page>): AsyncIterableIterator<Head, undefined> {
  const from = pages[Symbol.asyncIterator]();
  let page: readonly Head[] = [];
  let at = 0;
  return stream<Head>(
    async () => {
      while (at >= page.length) {
        const { done, value } = await from.next();
        if (done) return { done: true, value: undefined };
        [page, at] = [value.heads, 0];
      }
      const value = page[at]!;
      at += 1;
      return { done: false, value };
    },
    async () => {
      page = [];
      await from.return?.();
    },
  );
}

/** The same items, each shown to `see` as it passes. */
export function tapped<T>(items: AsyncIterator<T>, see: (item: T) => void): AsyncIterableIterator<T, undefined> {
  return stream<T>(
    async () => {
      const result = (await items.next()) as IteratorResult<T, undefined>;
      if (!result.done) see(result.value);
      return result;
    },
    async () => {
      await items.return?.();
    },
  );
}

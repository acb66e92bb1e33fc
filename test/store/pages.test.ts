import { expect, test } from 'vitest';
import { StoreError } from '../../src/core/error.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { forward } from '../../src/store/forward.js';
import { limited } from '../../src/store/limit.js';
import { observed, StoreCounts } from '../../src/store/observe.js';
import { prefixed } from '../../src/store/prefix.js';
import { retrying } from '../../src/store/retry.js';
import { settling } from '../../src/store/settle.js';
import type { Head, ListOptions, Page, Store } from '../../src/store/store.js';
import { bytes } from './fakes.js';

const SIZE = 3;

/** A store whose listings come in pages; `fail` breaks off before the page with this number, once. */
async function paged(count: number, fail = -1): Promise<{ readonly store: Store; readonly asked: string[] }> {
  const memory = memoryStore();
  for (let i = 0; i < count; i++) await memory.write(`in/${i}`, bytes('x'));
  const asked: string[] = [];
  let pagesLeft = fail;
  async function* pages(prefix: string, options?: ListOptions): AsyncGenerator<Page> {
    asked.push(`${prefix} after ${options?.after ?? 'nothing'}`);
    const all: Head[] = [];
    for await (const head of memory.list(prefix, options)) all.push(head);
    for (let i = 0; i < all.length || i === 0; i += SIZE) {
      if (pagesLeft-- === 0) throw new StoreError('store/unavailable', 'cut', { store: 'm', retryable: true });
      yield { heads: all.slice(i, i + SIZE), more: i + SIZE < all.length };
    }
  }
  return { store: { ...memory, abilities: { pages: { pages } } }, asked };
}

async function keysOf(heads: AsyncIterable<Head>): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of heads) keys.push(key);
  return keys;
}

test('pages and lists are the same through every wrapper, and a page that fails is asked for again from where it broke off', async () => {
  const { store, asked } = await paged(8, 2);
  const counts = new StoreCounts();
  const wrapped = prefixed(
    settling(retrying(limited(observed(store, { counts }), { concurrency: 1 }), { baseMs: 1, capMs: 1 })),
    'in/',
  );
  const sizes: number[] = [];
  const keys: string[] = [];
  for await (const { heads } of wrapped.abilities.pages!.pages('')) {
    sizes.push(heads.length);
    keys.push(...heads.map(({ key }) => key));
  }
  expect(keys).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  expect(sizes).toEqual([3, 3, 2]);
  expect(asked).toEqual(['in/ after nothing', 'in/ after in/5']);
  expect(await keysOf(wrapped.list(''))).toEqual(keys);
  expect(counts.snapshot()).toMatchObject({ calls: { list: 3 }, listed: 16 });
});

test('who changes listings and knows nothing of pages is not gone round', async () => {
  const { store } = await paged(4);
  const changed = forward(store, { list: () => store.list('none') });
  expect(changed.abilities.pages).toBeUndefined();
  expect(await keysOf(changed.list(''))).toEqual([]);
});

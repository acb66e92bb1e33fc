import type { Head, ReadStore } from '../store/store.js';

/** Confirmed at once, so that a slow store is not asked one name at a time. */
const AT_ONCE = 32;

/**
 * What lies below a prefix, and is wanted. Where a listing may lag behind, each name that it shows is asked for once more:
 * what is gone must not prove anything. What it does not show yet is a part too few, and that only makes a step run.
 */
export async function* listed(
  store: ReadStore,
  prefix: string,
  wanted: (key: string) => boolean = () => true,
): AsyncGenerator<Head> {
  let batch: Head[] = [];
  for await (const head of store.list(prefix)) {
    if (!wanted(head.key)) continue;
    if (store.traits.strongList || __SABOTAGE__ === 'listing-unconfirmed') {
      yield head;
      continue;
    }
    batch.push(head);
    if (batch.length < AT_ONCE) continue;
    yield* await confirmed(store, batch);
    batch = [];
  }
  yield* await confirmed(store, batch);
}

async function confirmed(store: ReadStore, heads: readonly Head[]): Promise<readonly Head[]> {
  const now = await Promise.all(heads.map(({ key }) => store.head(key)));
  return now.filter((head) => head !== undefined);
}

import { StoreError } from '../../src/core/error.js';
import type { Output } from '../../src/core/step.js';
import { compareUtf8 } from '../../src/core/utf8.js';
import { memoryStore } from '../../src/drivers/memory.js';
import type { Head, Store } from '../../src/store/store.js';

/** A lake in memory that is as odd as S3 servers are; what is asked of it is written down. */
export interface Lake {
  readonly objects: Readonly<Record<string, string>>;
  /** As AWS promises; SeaweedFS sorts by path segment. */
  readonly ordered?: boolean;
  /** Only prefixes that begin so may be listed. */
  readonly listable?: string;
  /** A listing that meets it breaks off. */
  readonly poison?: string;
  readonly uploads?: readonly string[];
  /** Listings show none. */
  readonly untagged?: boolean;
  readonly strong?: boolean;
}

export interface Asked {
  readonly heads: string[];
  readonly reads: string[];
  readonly lists: string[];
  readonly uploads: string[];
  /** Names that listings gave out. */
  listed: number;
}

const FIRST = Date.UTC(2026, 0, 1);

export async function lakeOf(lake: Lake) {
  let tick = 0;
  const inner = memoryStore({ name: 's3://lake', now: () => FIRST + 137 * tick++ });
  for (const [key, body] of Object.entries(lake.objects)) await inner.write(key, new TextEncoder().encode(body));
  const asked: Asked = { heads: [], reads: [], lists: [], uploads: [], listed: 0 };
  const ordered = lake.ordered ?? true;
  const refuse = (): never => {
    throw new StoreError('store/denied', 's3://lake: denied', { store: 's3://lake' });
  };
  /** HEAD knows whole seconds. */
  const coarse = (head: Head): Head => ({ ...head, modifiedAt: Math.floor(head.modifiedAt / 1000) * 1000 });
  async function* list(prefix: string, after: string | undefined): AsyncGenerator<Head> {
    asked.lists.push(prefix);
    if (lake.listable !== undefined && !prefix.startsWith(lake.listable)) refuse();
    const heads: Head[] = [];
    for await (const head of inner.list(prefix, after === undefined ? {} : { after })) heads.push(head);
    if (!ordered) heads.sort((a, b) => compareUtf8(bySegment(a.key), bySegment(b.key)));
    for (const { etag, ...head } of heads) {
      if (lake.poison !== undefined && head.key === lake.poison) refuse();
      asked.listed += 1;
      yield { ...head, ...(etag !== undefined && !lake.untagged && { etag }) };
    }
  }
  const store: Store = {
    name: inner.name,
    traits: { ...inner.traits, kind: 's3', remote: true, orderedList: ordered, strongList: lake.strong ?? true },
    abilities: {
      uploads: {
        async *openUploads(prefix) {
          asked.uploads.push(prefix);
          for (const key of lake.uploads ?? []) if (key.startsWith(prefix)) yield { key, startedAt: FIRST + 5000 };
        },
      },
    },
    async head(key, call) {
      asked.heads.push(key);
      const head = await inner.head(key, call);
      return head && coarse(head);
    },
    async read(key, call) {
      asked.reads.push(key);
      const found = await inner.read(key, call);
      return found && { ...found, head: coarse(found.head) };
    },
    list: (prefix, call) => list(prefix, call?.after),
    write: inner.write.bind(inner),
    remove: inner.remove.bind(inner),
    close: inner.close.bind(inner),
  };
  const places = {
    at: (location: { readonly kind: string; readonly key?: string }) => ({
      store,
      key: location.key ?? '',
      uri: `s3://lake/${location.key ?? ''}`,
    }),
  };
  return { store, places, asked };
}

/** A folder stands where its name would, as if `/` came before everything. */
function bySegment(key: string): string {
  return key.replaceAll('/', '\u0001');
}

export const output = (more: Partial<Output>): Output => ({
  name: 'o',
  keep: 'place',
  markerBy: 'producer',
  atomic: false,
  hash: 'auto',
  ...more,
});

import { StoreError } from '../core/error.js';
import { forward } from './forward.js';
import type { Abilities, Head, ListOptions, Store } from './store.js';
import { mapStream } from './stream.js';

/** The keys that begin with `prefix`, named by what follows it. A prefix that is meant as a folder ends in `/`. */
export function prefixed(store: Store, prefix: string): Store {
  if (prefix === '') return store;
  const name = `${store.name}/${prefix}`;

  /** Without this, the empty key would be the prefix itself, and a store may well take `folder/`. */
  const full = (key: string): string => {
    if (key === '') throw new StoreError('store/bad-key', `${name}: a key cannot be empty`, { store: name, key });
    return prefix + key;
  };
  const relative = <T extends { readonly key: string }>(item: T): T => ({
    ...item,
    key: item.key.slice(prefix.length),
  });
  const named = <T extends { readonly key: string }>(item: T): T | undefined =>
    item.key.length === prefix.length ? undefined : relative(item);

  const inner = forward(store, {
    name,
    async head(key, options) {
      const head = await store.head(full(key), options);
      return head && relative(head);
    },
    async read(key, options) {
      const found = await store.read(full(key), options);
      return found && { head: relative(found.head), body: found.body };
    },
    list: (below, options) => mapStream<Head, Head>(store.list(prefix + below, moved(prefix, options)), named),
    write: async (key, body, options) => store.write(full(key), body, options),
    remove: async (key, options) => store.remove(full(key), options),
  });
  return Object.defineProperty(inner, 'abilities', {
    enumerable: true,
    get: (): Abilities => {
      const { uploads, ...others } = store.abilities;
      if (uploads === undefined) return others;
      return {
        ...others,
        uploads: {
          openUploads: (below, options) => mapStream(uploads.openUploads(prefix + below, options), named),
        },
      };
    },
  });
}

function moved(prefix: string, options: ListOptions | undefined): ListOptions | undefined {
  return options?.after === undefined ? options : { ...options, after: prefix + options.after };
}

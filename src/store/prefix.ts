import { StoreError } from '../core/error.js';
import { forward } from './forward.js';
import type { Head, ListOptions, MultipartUpload, Page, Store } from './store.js';
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

  const calls: Parameters<typeof forward>[1] = {
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
  };
  return forward(store, calls, {
    uploads: (inner) => ({
      openUploads: (below, options) => mapStream(inner.openUploads(prefix + below, options), named),
    }),
    multipart: (inner) => {
      const outer = (upload: MultipartUpload): MultipartUpload => ({ ...upload, key: full(upload.key) });
      return {
        begin: async (key, options) => relative(await inner.begin(full(key), options)),
        part: (upload, number, body, options) => inner.part(outer(upload), number, body, options),
        complete: (upload, tags, options) => inner.complete(outer(upload), tags, options),
        abort: (upload, options) => inner.abort(outer(upload), options),
      };
    },
    pathOf: (inner) => (key) => inner(full(key)),
    pages: (inner) => ({
      pages: (below, options) =>
        mapStream<Page, Page>(inner.pages(prefix + below, moved(prefix, options)), ({ heads, more }) => ({
          heads: heads.map(named).filter((head) => head !== undefined),
          more,
        })),
    }),
    folders: (inner) => {
      // A prefix need not end with a folder: what follows it in `dir/ab` are the names of `dir/` that begin with "ab".
      const cut = prefix.lastIndexOf('/') + 1;
      const [above, begin] = [prefix.slice(0, cut), prefix.slice(cut)];
      const isBelow = (name: string) => name.startsWith(begin) && name !== begin;
      return {
        async folders(tree, options) {
          if (tree !== '') return inner.folders(prefix + tree, options);
          const found = await inner.folders(above, options);
          return found
            .filter(({ name }) => isBelow(name))
            .map((folder) => ({ ...folder, name: folder.name.slice(begin.length) }));
        },
        async names(tree, options) {
          if (tree !== '') return inner.names(prefix + tree, options);
          return (await inner.names(above, options)).filter(isBelow).map((name) => name.slice(begin.length));
        },
      };
    },
  });
}

function moved(prefix: string, options: ListOptions | undefined): ListOptions | undefined {
  return options?.after === undefined ? options : { ...options, after: prefix + options.after };
}

import type { Digest } from '../core/brand.js';
import { IntegrityError, StoreError } from '../core/error.js';
import { OUR_MARKER } from '../core/marker.js';
import { isPart, isPlaceholder } from '../core/parts.js';
import type { Head, Store } from '../store/store.js';
import { entriesOf, readArtifact } from './artifact.js';
import type { Blobs } from './blobs.js';
import type { Entry } from './entry.js';
import { assertWhole } from './is-whole.js';
import { endLeftUploads } from './left-uploads.js';
import { partSizeOf } from './object-shape.js';
import { ObjectWriter } from './object-writer.js';
import { inTheWay, type Restored, type RestoreOptions, wantedOf } from './restore.js';
import type { Root } from './root.js';
import { newTally } from './tally.js';

/** An object as it lies at the place now. */
export interface PutBack {
  readonly path: string;
  readonly size: number;
  readonly etag: string;
  readonly digest: Digest;
}

export interface RestoreObjects extends Pick<RestoreOptions, 'signal' | 'tally' | 'only' | 'replace'> {
  /** The tag that the object at a path had when it was kept: one that has it still is not read, and is what it was. */
  readonly tagOf?: ((path: string) => string | undefined) | undefined;
  /** Nobody else writes there, since leases are held: uploads to the same keys are of somebody who died. */
  readonly alone?: boolean | undefined;
}

type FileEntry = Extract<Entry, { kind: 'file' }>;

/**
 * The artifact as objects of a store that has no renames. Every byte is verified on its way, what is there already by
 * its recorded tag or by reading it. Objects appear one by one: only a marker that comes after them says that all are there.
 */
export async function restoreObjects(
  blobs: Blobs,
  digest: Digest,
  { store, key }: { readonly store: Store; readonly key: string },
  options: RestoreObjects = {},
): Promise<Restored & { readonly parts: readonly PutBack[] }> {
  const { tally = newTally(), signal, only } = options;
  const root = await readArtifact(blobs, digest);
  if (root.kind === 'tree' && root.links > 0)
    throw new IntegrityError(
      'integrity/list',
      `${digest} holds ${root.links} symbolic links, and ${store.name} has none`,
    );
  if ((root.kind === 'tree') !== (key === '' || key.endsWith('/')))
    throw new StoreError('store/unsupported', `${store.name}/${key}: ${MISFIT[root.kind]}`, { store: store.name, key });
  const extent = await wantedOf(blobs, root, only);
  tally.totalBytes = extent.bytes;
  const writer = new ObjectWriter(blobs, { store, tally, signal });
  const files = () => filesOf(blobs, root, only);

  const { there, markers } = await headsAt(store, key, root, signal);
  const found = { right: new Map<string, PutBack>(), wrong: 0 };
  const extra = new Map(there);
  const inParts = new Set<string>();
  for await (const file of files()) {
    if (partSizeOf(file.content.size, options.tagOf?.(file.path)) !== undefined) inParts.add(key + file.path);
    const head = there.get(file.path);
    if (head === undefined) continue;
    extra.delete(file.path);
    const etag = await tagIfRight(writer, head, file, options.tagOf?.(file.path));
    if (etag === undefined) found.wrong += 1;
    else found.right.set(file.path, putBack(file, etag));
  }
  // Who asks for a part leaves alone what else lies there.
  if (only !== undefined) extra.clear();
  const [stranger] = extra.keys();
  if (stranger !== undefined && !options.replace)
    throw inTheWay({ store: store.name, key: key + stranger }, digest, root);
  // Nothing here can be built beside and swapped: before anything goes for good, all that comes for it is known to be there.
  if (extra.size + found.wrong > 0) await assertWhole(blobs, digest);
  const call = signal && { signal };
  // First of all: what they say of other bytes must not be read above these.
  if (extra.size + found.wrong > 0 || found.right.size < extent.files)
    for (const marker of markers) await store.remove(marker, call);
  for (const path of extra.keys()) await store.remove(key + path, call);
  // What does not all belong to it may be of another run: then nothing of it stays - but for whoever asks for a part.
  const mixed = only === undefined && (extra.size > 0 || found.wrong > 0);
  if (inParts.size > 0) {
    const alone = options.alone === true;
    // Also to what is right already, if that is nobody's but ours: the place would be read as being written to.
    const isOurs = (one: string) => inParts.has(one) && (alone || mixed || !found.right.has(one.slice(key.length)));
    await endLeftUploads(store, { prefix: key, isOurs, alone, signal });
  }
  const parts: PutBack[] = [];
  let written = 0;
  try {
    for await (const file of files()) {
      const right = found.right.get(file.path);
      if (right !== undefined && !mixed) {
        parts.push(right);
        continue;
      }
      written += 1;
      await writer.add({ key: key + file.path, content: file.content, etag: options.tagOf?.(file.path) }, (etag) =>
        parts.push(putBack(file, etag)),
      );
    }
    await writer.done();
  } finally {
    await writer.abandon();
  }
  const wasThere = found.right.size + found.wrong > 0;
  const how = written === 0 && !mixed ? 'kept' : mixed ? 'replaced' : wasThere ? 'filled' : 'new';
  return { root, how, extent, tally, parts };
}

const MISFIT = {
  tree: 'a tree needs a place that ends in "/"',
  file: 'a single file needs a place that does not end in "/"',
} as const;

const putBack = ({ path, content: { size, digest } }: FileEntry, etag: string): PutBack => ({
  path,
  size,
  etag,
  digest,
});

/** Empty folders are nothing here. */
async function* filesOf(blobs: Blobs, root: Root, only: RestoreObjects['only']): AsyncGenerator<FileEntry> {
  for await (const entries of entriesOf(blobs, root))
    for (const entry of entries) if (entry.kind === 'file' && (only === undefined || only(entry.path))) yield entry;
}

async function headsAt(
  store: Store,
  key: string,
  root: Root,
  signal: AbortSignal | undefined,
): Promise<{ readonly there: ReadonlyMap<string, Head>; readonly markers: readonly string[] }> {
  const call = signal && { signal };
  const there = new Map<string, Head>();
  const markers: string[] = [];
  if (root.kind === 'file') {
    const head = await store.head(key, call);
    if (head !== undefined) there.set('', head);
    return { there, markers };
  }
  for await (const head of store.list(key, call)) {
    const path = head.key.slice(key.length);
    if (path === OUR_MARKER || path.endsWith(`/${OUR_MARKER}`)) markers.push(head.key);
    else if (path !== '' && !isPlaceholder({ path, size: head.size }) && isPart(path)) there.set(path, head);
  }
  return { there, markers };
}

async function tagIfRight(
  writer: ObjectWriter,
  { key, size, etag }: Head,
  { content }: FileEntry,
  known: string | undefined,
): Promise<string | undefined> {
  if (etag === undefined || size !== content.size) return undefined;
  if (known !== undefined) return known === etag ? etag : undefined;
  return (await writer.holds(key, content, etag)) ? etag : undefined;
}

import type { Digest } from '../core/brand.js';
import type { Blobs } from './blobs.js';
import { artifactKey, digestIn, PINS, pinKey } from './layout.js';
import { missing } from './refuse.js';
import { beginUpload } from './truce.js';

/**
 * Artifacts that somebody wants kept, whatever records say: an object for each, of that name. Like an upload, so that no
 * sweeper that has looked already takes what is being pinned.
 */
export async function pin({ store }: Blobs, digest: Digest, signal?: AbortSignal): Promise<void> {
  const upload = await beginUpload(store, signal);
  try {
    if ((await store.head(artifactKey(digest))) === undefined) throw missing(digest);
    await store.write(pinKey(digest), Buffer.from('{"v":1}\n'));
    await upload.confirm();
  } finally {
    await upload.end();
  }
}

export async function unpin({ store }: Blobs, digest: Digest): Promise<void> {
  await store.remove(pinKey(digest));
}

export async function pinned({ store }: Blobs): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  for await (const { key } of store.list(PINS)) {
    const digest = digestIn(key);
    if (digest !== undefined) found.add(digest);
  }
  return found;
}

import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { type IndexedPack, writeIndex } from './blob-index.js';
import type { Blobs, Wanted } from './blobs.js';
import { indexKey, PACK, packKey } from './layout.js';
import type { Marks } from './marks.js';
import { PackBuffer } from './pack.js';
import { beginUpload } from './truce.js';

/**
 * Writes what lives in sparse packs to others, as any writer would: pack, then index. It removes nothing, so whoever is
 * killed here leaves copies. Returns the packs of which all that lives has a durable copy elsewhere.
 */
export async function repack(
  blobs: Blobs,
  marks: Marks,
  sparse: ReadonlySet<Digest>,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<Digest>> {
  const upload = await beginUpload(blobs.store, signal);
  try {
    // Somebody swept meanwhile: what lives where is to be asked again, and the next clean-up will.
    if (upload.epoch !== blobs.epoch) return new Set();
    const copied = new Set<Digest>();
    const copies = new Copies(blobs);
    for (const [pack, wanted] of livingIn(blobs, marks, sparse)) {
      signal?.throwIfAborted();
      const living = await readAll(blobs, wanted);
      if (living === undefined) continue;
      for (const [digest, bytes] of living) await copies.add(digest, bytes);
      copied.add(pack);
    }
    await copies.done();
    for (const pack of copies.packs) copied.delete(pack);
    return copied;
  } finally {
    await upload.end();
  }
}

function livingIn(blobs: Blobs, marks: Marks, sparse: ReadonlySet<Digest>): ReadonlyMap<Digest, Wanted[]> {
  const living = new Map<Digest, Wanted[]>();
  for (const [digest, { pack, size }] of blobs.index) {
    if (!sparse.has(pack) || !marks.isLive(digest)) continue;
    const known = living.get(pack);
    if (known === undefined) living.set(pack, [{ digest, size }]);
    else known.push({ digest, size });
  }
  return living;
}

/** Of one pack; undefined where a blob is not what it should be: then the pack stays as it is. */
async function readAll(blobs: Blobs, wanted: readonly Wanted[]): Promise<ReadonlyMap<Digest, Buffer> | undefined> {
  const found = new Map<Digest, Buffer>();
  try {
    await blobs.readMany(wanted, (digest, bytes) => void found.set(digest, Buffer.from(bytes)));
    return found;
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
}

class Copies {
  readonly #blobs: Blobs;
  readonly #pack = new PackBuffer(PACK);
  readonly #written: IndexedPack[] = [];

  constructor(blobs: Blobs) {
    this.#blobs = blobs;
  }

  get packs(): readonly Digest[] {
    return this.#written.map(({ pack }) => pack);
  }

  async add(digest: Digest, bytes: Buffer): Promise<void> {
    if (this.#pack.room(bytes.byteLength) === undefined) await this.#turn();
    this.#pack.room(bytes.byteLength)!.set(bytes);
    this.#pack.keep(digest, bytes.byteLength);
  }

  async done(): Promise<void> {
    await this.#turn();
    if (this.#written.length === 0) return;
    const { store, hash } = this.#blobs;
    const index = writeIndex(this.#written);
    await store.write(indexKey(hash.digest(index)), index);
  }

  async #turn(): Promise<void> {
    if (this.#pack.isEmpty) return;
    const { store, hash } = this.#blobs;
    const bytes = this.#pack.finish();
    const pack = hash.digest(bytes);
    await store.write(packKey(pack), bytes, { namedByDigest: true });
    this.#written.push({ pack, rows: Buffer.from(this.#pack.rows) });
    this.#pack.clear();
  }
}

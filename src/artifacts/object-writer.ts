import type { Digest } from '../core/brand.js';
import { isStoreError, StoreError } from '../core/error.js';
import { tagOfParts } from '../store/multipart-tag.js';
import type { Abilities, MultipartUpload, Store } from '../store/store.js';
import { chunksOf } from './artifact.js';
import type { Blobs, Wanted } from './blobs.js';
import type { Content } from './content.js';
import { Flight } from './flight.js';
import { CHUNK, PACKED } from './layout.js';
import { partSizeOf } from './object-shape.js';
import { type Slice, slicesOf } from './slices.js';
import type { Tally } from './tally.js';

/** Small blobs are fetched together, so many objects or so many bytes at a time, and written so many at once. */
const BATCH = 4096;
const BATCH_BYTES = 16 * 2 ** 20;
const SMALL_AT_ONCE = 24;
/** Of larger pieces as many as fit. */
const AT_ONCE_BYTES = 32 * 2 ** 20;

export interface ObjectToWrite {
  readonly key: string;
  readonly content: Content;
  /** The tag that it had, where that is known: it is sent in the same parts. */
  readonly etag?: string | undefined;
}

type Told = (etag: string) => void;
type Multipart = NonNullable<Abilities['multipart']>;

/**
 * Writes contents as objects: each byte verified before it is sent, and sent with its checksum, so that the server takes
 * nothing else. Memory is bounded by pieces in flight, not by objects.
 */
export class ObjectWriter {
  readonly #blobs: Blobs;
  readonly #store: Store;
  readonly #tally: Tally;
  readonly #call: { readonly signal?: AbortSignal };
  readonly #small = new Flight(SMALL_AT_ONCE);
  readonly #large = new Flight(AT_ONCE_BYTES / CHUNK);
  #wanted = new Map<Digest, { readonly want: Wanted; readonly to: { readonly key: string; readonly told: Told }[] }>();
  #waiting = 0;
  #bytes = 0;

  constructor(blobs: Blobs, about: { store: Store; tally: Tally; signal: AbortSignal | undefined }) {
    this.#blobs = blobs;
    this.#store = about.store;
    this.#tally = about.tally;
    this.#call = about.signal ? { signal: about.signal } : {};
  }

  /** `told` its tag when it is there. */
  async add({ key, content, etag }: ObjectToWrite, told: Told): Promise<void> {
    this.#call.signal?.throwIfAborted();
    const { size, digest } = content;
    const part = partSizeOf(size, etag);
    if (size <= PACKED && part === undefined) {
      if (size === 0) return this.#small.add(() => this.#put(key, new Uint8Array(), told));
      const known = this.#wanted.get(digest);
      if (known !== undefined) known.to.push({ key, told });
      else {
        this.#wanted.set(digest, { want: { digest, size }, to: [{ key, told }] });
        this.#bytes += size;
      }
      this.#waiting += 1;
      if (this.#waiting >= BATCH || this.#bytes >= BATCH_BYTES) await this.#fetch();
      return;
    }
    if (part === undefined && size <= CHUNK) return this.#large.add(() => this.#putWhole(key, content, told));
    // What has larger or more pieces has the memory for itself.
    await this.#large.done();
    if (part === undefined) return this.#putWhole(key, content, told);
    const { multipart } = this.#store.abilities;
    const { name } = this.#store;
    if (multipart === undefined)
      throw new StoreError('store/unsupported', `${name} takes no object in parts`, { store: name, key });
    await this.#inParts(multipart, { key, content, part }, told);
  }

  async done(): Promise<void> {
    await this.#fetch();
    await this.#large.done();
    await this.#small.done();
  }

  /** After a failure: nothing may land any more. */
  async abandon(): Promise<void> {
    await this.#large.ended();
    await this.#small.ended();
  }

  /** Are these the bytes that lie there? */
  async holds(key: string, { size, digest }: Content, etag: string): Promise<boolean> {
    const found = await this.#store.read(key, this.#call);
    const hash = this.#blobs.hash.stream();
    let at = 0;
    for await (const piece of found?.body ?? []) {
      at += piece.byteLength;
      hash.update(piece);
    }
    return found?.head.etag === etag && at === size && hash.digest() === digest;
  }

  async #fetch(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted.size === 0) return;
    this.#wanted = new Map();
    this.#waiting = 0;
    this.#bytes = 0;
    await this.#blobs.readMany(
      [...wanted.values()].map(({ want }) => want),
      async (digest, bytes) => {
        this.#tally.storedBytes += bytes.byteLength;
        // Its bytes are given for as long as this takes, and writing takes longer.
        const own = Buffer.from(bytes);
        for (const { key, told } of wanted.get(digest)!.to) await this.#small.add(() => this.#put(key, own, told));
      },
    );
  }

  async #put(key: string, bytes: Uint8Array, told: Told): Promise<void> {
    const written = await this.#store.write(key, bytes, this.#call);
    this.#tally.files += 1;
    this.#tally.bytes += bytes.byteLength;
    told(tagOf(this.#store, key, written.written ? written.etag : undefined));
  }

  async #putWhole(key: string, content: Content, told: Told): Promise<void> {
    for await (const slices of slicesOf(chunksOf(this.#blobs, content), content.size))
      await this.#withBytes(slices, (bytes) => this.#put(key, bytes, told));
  }

  async #withBytes(slices: readonly Slice[], send: (bytes: Buffer) => Promise<void>): Promise<void> {
    const size = slices.reduce((sum, { from, to }) => sum + to - from, 0);
    this.#tally.storedBytes += size;
    const [only] = slices;
    if (slices.length === 1 && only!.chunk.size === size)
      return this.#blobs.readMany([only!.chunk], (_, blob) => send(blob));
    const bytes = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const { chunk, from, to } of slices)
      await this.#blobs.readMany([chunk], (_, blob) => {
        at += blob.copy(bytes, at, from, to);
      });
    await send(bytes);
  }

  async #inParts(
    multipart: Multipart,
    { key, content, part }: { readonly key: string; readonly content: Content; readonly part: number },
    told: Told,
  ): Promise<void> {
    const upload = await multipart.begin(key, this.#call);
    const flight = new Flight(Math.max(1, Math.floor(AT_ONCE_BYTES / part)));
    try {
      const tags: string[] = [];
      let count = 0;
      for await (const slices of slicesOf(chunksOf(this.#blobs, content), part)) {
        const number = ++count;
        await flight.add(() =>
          this.#withBytes(slices, async (bytes) => {
            tags[number - 1] = await multipart.part(upload, number, bytes, this.#call);
            this.#tally.bytes += bytes.byteLength;
          }),
        );
      }
      await flight.done();
      told(await this.#complete(multipart, upload, tags, content.size));
      this.#tally.files += 1;
    } catch (error) {
      await flight.ended();
      // Parts that nobody completes are kept for ever, and paid for.
      await multipart.abort(upload).catch(() => {});
      throw error;
    }
  }

  /** An answer that was lost is settled by what is there: parts have tags, and the whole has the tag of these. */
  async #complete(
    multipart: Multipart,
    upload: MultipartUpload,
    tags: readonly string[],
    size: number,
  ): Promise<string> {
    try {
      return (await multipart.complete(upload, tags, this.#call)).etag;
    } catch (error) {
      if (!isStoreError(error) || !error.facts.unclear) throw error;
      const head = await this.#store.head(upload.key, this.#call);
      if (head?.etag === undefined || head.size !== size || head.etag !== tagOfParts(tags)) throw error;
      return head.etag;
    }
  }
}

function tagOf({ name }: Store, key: string, etag: string | undefined): string {
  if (etag !== undefined) return etag;
  throw new StoreError('store/unsupported', `${name} gives objects no tags, so none can be recognised`, {
    store: name,
    key,
  });
}

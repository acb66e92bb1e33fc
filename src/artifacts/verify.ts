import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { compareUtf8 } from '../core/utf8.js';
import type { Store } from '../store/store.js';
import { chunksOf, entriesOf, listArtifacts, readArtifact } from './artifact.js';
import type { Spot } from './blob-index.js';
import type { Blobs } from './blobs.js';
import { readBytes } from './bytes.js';
import { type Content, isStored, readChunkList } from './content.js';
import { artifactKey, CHUNK, CHUNKS, chunkKey, digestIn, PACK, PACKED, PACKS, packKey, VERIFIED } from './layout.js';
import { newTally, type Tally } from './tally.js';
import { epochOf } from './truce.js';

const ASKED_AT_ONCE = 16;

export interface VerifyOptions {
  /** `index`: all that lists name is there. `sample`: and some of the bytes are right. `full`: all of them. */
  readonly level: 'index' | 'sample' | 'full';
  /** Of the objects, for `sample`; 0.01 is one in a hundred. */
  readonly share?: number | undefined;
  /** Ends after about so many bytes; `next` says where to go on. */
  readonly budgetBytes?: number | undefined;
  /** Go on after this key; where nothing is said, where the last one with a budget ended. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly tally?: Tally | undefined;
  /** For `sample`: which objects. */
  readonly random?: (() => number) | undefined;
}

export interface Verified {
  readonly artifacts: number;
  /** Artifacts that cannot be restored as the store is: who asks for one gets a miss. */
  readonly broken: readonly { readonly digest: Digest; readonly why: string }[];
  /** Blobs whose bytes were wrong: put aside, so that the next put stores them anew, or left where that could not be done. */
  readonly bad: readonly { readonly digest: Digest; readonly key: string; readonly left?: true }[];
  readonly checkedObjects: number;
  readonly checkedBytes: number;
  /** The last key that was checked, where the budget did not do for all. */
  readonly next?: string;
}

/** Looks, and puts bad bytes aside. Deletes nothing. */
export async function verify(blobs: Blobs, options: VerifyOptions): Promise<Verified> {
  // First, or blobs of packs that no index names would not be among those that are read.
  await blobs.adopt();
  const bytes =
    options.level === 'index' ? { checkedObjects: 0, checkedBytes: 0, bad: [] } : await checkFrom(blobs, options);
  if (bytes.bad.length > 0) {
    await blobs.reload();
    await blobs.adopt();
  }
  const lists = await checkLists(blobs, options);
  return { ...lists, ...bytes };
}

/** With a budget: from where the last one ended, and where this one ends is written down. */
async function checkFrom(blobs: Blobs, options: VerifyOptions) {
  const { store } = blobs;
  if (options.level !== 'full' || options.budgetBytes === undefined) return checkBytes(blobs, options);
  const found = await checkBytes(blobs, { ...options, after: options.after ?? (await verifiedUpTo(store)) });
  if (found.next === undefined) await store.remove(VERIFIED);
  else await store.write(VERIFIED, Buffer.from(`${JSON.stringify({ v: 1, after: found.next })}\n`));
  return found;
}

/** What cannot be read is none: then all is checked from the beginning. */
async function verifiedUpTo(store: Store): Promise<string | undefined> {
  const bytes = await readBytes(store, VERIFIED, 4096);
  try {
    const { v, after } = JSON.parse(bytes?.toString() ?? '{}') as { readonly v?: unknown; readonly after?: unknown };
    return v === 1 && typeof after === 'string' ? after : undefined;
  } catch {
    return undefined;
  }
}

async function checkLists(blobs: Blobs, { signal }: VerifyOptions): Promise<Pick<Verified, 'artifacts' | 'broken'>> {
  const chunks = new Set<Digest>();
  for await (const { key } of blobs.store.list(CHUNKS)) {
    const digest = digestIn(key);
    if (digest !== undefined) chunks.add(digest);
  }
  let artifacts = 0;
  let broken = new Map<Digest, string>();
  for await (const { digest } of listArtifacts(blobs)) {
    signal?.throwIfAborted();
    artifacts += 1;
    const why = await whyBroken(blobs, digest, async (chunk) => chunks.has(chunk));
    if (why !== undefined) broken.set(digest, why);
  }
  // What was put, moved or taken away meanwhile is not broken: by what is there now, and as long as somebody sweeps.
  for (let epoch: string | undefined; broken.size > 0 && epoch !== blobs.epoch; ) {
    await blobs.reload();
    await blobs.adopt();
    const suspects = broken.keys();
    broken = new Map();
    for (const digest of suspects) {
      const why = await whyBroken(blobs, digest);
      if (why === undefined) continue;
      if ((await blobs.store.head(artifactKey(digest))) === undefined) artifacts -= 1;
      else broken.set(digest, why);
    }
    epoch = await epochOf(blobs.store);
  }
  return { artifacts, broken: [...broken].map(([digest, why]) => ({ digest, why })) };
}

/** Undefined where all is there that it needs. Not its bytes: those are asked by every restore. */
export async function whyBroken(
  blobs: Blobs,
  digest: Digest,
  isChunk = async (blob: Digest) => (await blobs.store.head(chunkKey(blob))) !== undefined,
): Promise<string | undefined> {
  try {
    const isThere = async (blob: Digest) => blobs.index.has(blob) || isChunk(blob);
    const gone = await firstNot(isThere, blobsOf(blobs, digest));
    return gone === undefined ? undefined : `${gone} is gone`;
  } catch (error) {
    if (error instanceof IntegrityError) return error.message;
    throw error;
  }
}

/** The first of which it is not so, with the next ones asked already: each may be a round trip. */
async function firstNot(
  isSo: (blob: Digest) => Promise<boolean>,
  blobs: AsyncIterable<Digest>,
): Promise<Digest | undefined> {
  const asked: (readonly [Digest, Promise<boolean>])[] = [];
  for await (const blob of blobs) {
    const answer = isSo(blob);
    // Somebody may throw while nobody awaits it.
    answer.catch(() => {});
    asked.push([blob, answer]);
    if (asked.length < ASKED_AT_ONCE) continue;
    const [first, so] = asked.shift()!;
    if (!(await so)) return first;
  }
  for (const [blob, so] of asked) if (!(await so)) return blob;
  return undefined;
}

/** Every blob that an artifact needs, its lists among them. */
export async function* blobsOf(blobs: Blobs, digest: Digest): AsyncGenerator<Digest> {
  const root = await readArtifact(blobs, digest);
  if (root.kind === 'tree') yield* root.pages;
  for await (const entries of entriesOf(blobs, root))
    for (const entry of entries) {
      if (entry.kind !== 'file' || !isStored(entry.content)) continue;
      const { list } = entry.content;
      if (list === undefined) yield entry.content.digest;
      else yield* listedBlobs(blobs, entry.content, list);
    }
}

async function* listedBlobs(blobs: Blobs, content: Content, list: Digest): AsyncGenerator<Digest> {
  yield list;
  yield* readChunkList(await blobs.read(list)).pages;
  for await (const chunks of chunksOf(blobs, content)) for (const { digest } of chunks) yield digest;
}

async function checkBytes(blobs: Blobs, options: VerifyOptions) {
  const { level, share = 0.01, budgetBytes = Number.POSITIVE_INFINITY, after, signal, random = Math.random } = options;
  const { tally = newTally() } = options;
  const bad: { digest: Digest; key: string; left?: true }[] = [];
  let [checkedObjects, checkedBytes] = [0, 0];
  let last: string | undefined;
  const packed = packsOf(blobs);
  for (const prefix of [CHUNKS, PACKS]) {
    if (after !== undefined && compareUtf8(after, `${prefix}~`) > 0) continue;
    for await (const { key, size } of blobs.store.list(prefix, after?.startsWith(prefix) === true ? { after } : {})) {
      signal?.throwIfAborted();
      const digest = digestIn(key);
      if (digest === undefined || (level === 'sample' && random() >= share)) continue;
      if (checkedBytes >= budgetBytes)
        return { bad, checkedObjects, checkedBytes, ...(last !== undefined && { next: last }) };
      const wrong =
        prefix === CHUNKS ? await checkChunk(blobs, digest) : await checkPack(blobs, digest, packed.get(digest) ?? []);
      for (const one of wrong) bad.push({ ...one, key });
      checkedObjects += 1;
      checkedBytes += size;
      tally.files += 1;
      tally.bytes += size;
      last = key;
    }
  }
  return { bad, checkedObjects, checkedBytes };
}

type Bad = Pick<Verified['bad'][number], 'digest' | 'left'>;

async function checkChunk(blobs: Blobs, digest: Digest): Promise<readonly Bad[]> {
  const bytes = await readBytes(blobs.store, chunkKey(digest), CHUNK);
  return bytes !== undefined && blobs.hash.digest(bytes) === digest ? [] : badAgain(blobs, digest);
}

async function checkPack(
  blobs: Blobs,
  pack: Digest,
  spots: readonly (readonly [Digest, Spot])[],
): Promise<readonly Bad[]> {
  const bytes = await readBytes(blobs.store, packKey(pack), PACK + PACKED);
  const bad: Bad[] = [];
  for (const [digest, spot] of spots) {
    const blob = bytes?.subarray(spot.at, spot.at + spot.size);
    if (blob === undefined || blobs.hash.digest(blob) !== digest) bad.push(...(await badAgain(blobs, digest, spot)));
  }
  return bad;
}

/** What a sweeper took is not bad. */
async function badAgain(blobs: Blobs, digest: Digest, spot?: Spot): Promise<readonly Bad[]> {
  const found = await blobs.secondLook(digest, spot);
  if (found === 'aside') return [{ digest }];
  return found === 'left' ? [{ digest, left: true }] : [];
}

function packsOf(blobs: Blobs): ReadonlyMap<Digest, (readonly [Digest, Spot])[]> {
  const packs = new Map<Digest, (readonly [Digest, Spot])[]>();
  for (const row of blobs.index) {
    const known = packs.get(row[1].pack);
    if (known === undefined) packs.set(row[1].pack, [row]);
    else known.push(row);
  }
  return packs;
}

import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import type { Blobs } from './blobs.js';
import { readBytes } from './bytes.js';
import { type Chunk, type Content, readChunkList, readChunkPage } from './content.js';
import type { Entry } from './entry.js';
import { ARTIFACTS, artifactKey, digestIn } from './layout.js';
import { badList, missing, wrongBytes } from './refuse.js';
import { MAX_ROOT_BYTES, type Root, readRoot } from './root.js';
import { readTree } from './tree-list.js';

/** What the digest names, as its writer wrote it and nobody else. */
export async function readArtifact(blobs: Blobs, digest: Digest): Promise<Root> {
  const bytes = await readBytes(blobs.store, artifactKey(digest), MAX_ROOT_BYTES);
  if (bytes === undefined) throw missing(digest);
  // biome-ignore format: the broken form is compiled out of the package; the campaigns on bad bytes must catch it
  if (__SABOTAGE__ !== 'unverified-lists')
  if (blobs.hash.digest(bytes) !== digest) throw wrongBytes(digest);
  return readRoot(bytes);
}

/** A tree's entries page by page; of a file the one entry, whose path is empty. */
export async function* entriesOf(blobs: Blobs, root: Root): AsyncGenerator<readonly Entry[]> {
  if (root.kind === 'tree') yield* readTree(root, (page) => blobs.read(page));
  else yield [{ kind: 'file', path: '', mode: root.mode, content: root.content }];
}

/** The chunks of a file in order, page by page, as many bytes as the file has. */
export async function* chunksOf(blobs: Blobs, content: Content): AsyncGenerator<readonly Chunk[]> {
  const { size, digest, list } = content;
  if (list === undefined) {
    if (size > 0) yield [{ digest, size }];
    return;
  }
  const { pages, ...said } = readChunkList(await blobs.read(list));
  if (said.size !== size || said.digest !== digest) throw badList('a chunk list is of another file');
  let sum = 0;
  for (const page of pages) {
    const chunks = readChunkPage(await blobs.read(page));
    for (const chunk of chunks) sum += chunk.size;
    if (sum > size) throw badList('the chunks have more bytes than the file');
    yield chunks;
  }
  if (sum !== size) throw badList('the chunks have fewer bytes than the file');
}

/** Every artifact in the store, by digest. */
export async function* listArtifacts(
  blobs: Blobs,
): AsyncGenerator<{ readonly digest: Digest; readonly putAt: number }> {
  for await (const { key, modifiedAt } of blobs.store.list(ARTIFACTS)) {
    const digest = digestIn(key);
    if (digest !== undefined) yield { digest, putAt: modifiedAt };
  }
}

interface Listed {
  readonly digest: Digest;
  readonly putAt: number;
  /** Or what is wrong with it. */
  readonly root: Root | IntegrityError;
}

/** Every artifact in the store with what it is: a damaged one hides none of the others. */
export async function* readArtifacts(blobs: Blobs): AsyncGenerator<Listed> {
  for await (const { digest, putAt } of listArtifacts(blobs)) {
    const root = await readArtifact(blobs, digest).catch(asDamage);
    // What a sweeper has removed since it was listed is not damaged.
    if (root instanceof IntegrityError && (await blobs.store.head(artifactKey(digest))) === undefined) continue;
    yield { digest, putAt, root };
  }
}

function asDamage(error: unknown): IntegrityError {
  if (error instanceof IntegrityError) return error;
  throw error;
}

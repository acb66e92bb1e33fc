import type { Blobs } from '../artifacts/blobs.js';
import { isWhole } from '../artifacts/is-whole.js';
import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';

/** An error about a blob says nothing to whoever asked for an artifact: that one is named, and what can be done. */
export async function namingArtifact<T>(blobs: Blobs, digest: Digest, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof IntegrityError) || !(await isAboutBytes(blobs, digest, error))) throw error;
    throw new IntegrityError(error.code, `the artifact ${digest} is broken: ${error.message}`, {
      hint: 'stepaside verify --mend stores it anew where a record says that it still lies; else put it again',
      cause: error,
    });
  }
}

/** A list may be refused for what it says as well, as that it holds links: then the artifact is what it ought to be. */
async function isAboutBytes(blobs: Blobs, digest: Digest, { code }: IntegrityError): Promise<boolean> {
  return code === 'integrity/list' ? !(await isWhole(blobs, digest)) : code !== 'integrity/changed';
}

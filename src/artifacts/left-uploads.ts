import { isStoreError } from '../core/error.js';
import type { Store } from '../store/store.js';

/** Where others may be writing as well, an upload is given up for dead only after so long. */
const LONGEST_MS = 86_400_000;

interface Left {
  /** What it begins with, and which of those keys are about to be ours. */
  readonly prefix: string;
  readonly isOurs: (key: string) => boolean;
  /** Nobody else writes there: leases are held. */
  readonly alone: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Whoever was killed while he sent an object in parts leaves an upload that is never completed: its parts are paid for, and
 * the place reads as being written to for ever. Those to keys that are overwritten now are ended; all others are somebody else's.
 */
export async function endLeftUploads(store: Store, { prefix, isOurs, alone, signal }: Left): Promise<void> {
  const { uploads, multipart } = store.abilities;
  if (!uploads || !multipart) return;
  const call = signal && { signal };
  const left: { readonly key: string; readonly id: string }[] = [];
  try {
    // By this machine's clock: a day is long.
    const old = Date.now() - LONGEST_MS;
    for await (const { key, id, startedAt } of uploads.openUploads(prefix, call))
      if (id !== undefined && isOurs(key) && (alone || startedAt < old)) left.push({ key, id });
  } catch (error) {
    // Not allowed to list them: then they stay, as before.
    if (!isStoreError(error)) throw error;
  }
  for (const upload of left)
    await multipart.abort(upload, call).catch((error: unknown) => {
      if (!isStoreError(error)) throw error;
    });
}

import type { Verified } from '../artifacts/verify.js';
import type { Digest } from '../core/brand.js';
import type { Location } from '../core/location.js';
import { allRecords } from '../engine/all-records.js';
import { mend } from '../engine/mend.js';
import { keeperOf } from '../keeper.js';
import { diskPath } from '../preset.js';
import type { AtArtifacts } from './at-artifacts.js';

/** Which of them are whole again, and of which step the bytes were. */
export async function mendAll(at: AtArtifacts, broken: Verified['broken']): Promise<ReadonlyMap<Digest, string>> {
  const { blobs, cache, cacheFolder, places, surroundings } = at;
  const mended = new Map<Digest, string>();
  const wanted = new Set(broken.map(({ digest }) => digest));
  if (wanted.size === 0) return mended;
  await at.prepare();
  const { config, folder } = surroundings;
  const naming = { stores: config.stores, folder, ...(cacheFolder !== undefined && { cacheFolder }) };
  const pathOf = (location: Location) => diskPath(location, surroundings);
  const artifacts = keeperOf({ open: async () => blobs, places, pathOf });
  for await (const { record, entry } of allRecords({ cache })) {
    if (entry.tombstoned) continue;
    for (const digest of record.outputs.flatMap(({ artifact, marker }) => [artifact, marker]))
      if (
        digest !== undefined &&
        wanted.has(digest) &&
        (await mend({ cache, places, naming, artifacts }, record, digest))
      ) {
        wanted.delete(digest);
        mended.set(digest, record.step);
      }
  }
  return mended;
}

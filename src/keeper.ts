import { relative } from 'node:path';
import type { Blobs } from './artifacts/blobs.js';
import type { Digest } from './core/brand.js';
import { IntegrityError, StoreError } from './core/error.js';
import { formatLocation, isTree, type Location } from './core/location.js';
import type { Keeper, WritablePlaces } from './engine/engine.js';

interface Keeping {
  readonly open: () => Promise<Blobs>;
  readonly places: WritablePlaces;
  /** Where a location lies on a disk of this machine. */
  readonly pathOf: (location: Location) => string | undefined;
}

/** The artifacts of a cache, as the engine wants them: loaded when the first output is kept or put back. */
export function keeperOf({ open, places, pathOf }: Keeping): Keeper {
  let opened: Promise<Blobs> | undefined;
  const blobs = () => {
    opened ??= open();
    return opened;
  };
  async function keep(location: Location, marker?: Location): Promise<Digest> {
    try {
      const path = pathOf(location);
      const own = marker && markerBelow(location, marker, pathOf);
      if (path === undefined) {
        const { putObject, putObjects } = await import('./artifacts/put-objects.js');
        const { store, key } = places.at(location);
        const put = isTree(location)
          ? putObjects(await blobs(), store, key, { marker: own })
          : putObject(await blobs(), store, key);
        return (await put).digest;
      }
      const { putFileArtifact, putTree } = await import('./artifacts/put.js');
      const put = isTree(location)
        ? putTree(await blobs(), path, { marker: own })
        : putFileArtifact(await blobs(), path);
      return (await put).digest;
    } catch (error) {
      // What cannot be kept costs the record, never the step.
      if (!(error instanceof IntegrityError)) throw error;
      const uri = formatLocation(location);
      throw new StoreError(
        'store/conflict',
        `${uri} cannot be kept: ${error.message}`,
        { store: uri },
        { cause: error },
      );
    }
  }
  return {
    keep,
    async mend(digest, location, marker) {
      const store = await blobs();
      // What was lost since the index was read would be taken for stored.
      await store.reload();
      if ((await keep(location, marker)) === digest) return true;
      const { isWhole } = await import('./artifacts/is-whole.js');
      return isWhole(store, digest);
    },
    async restore(digest, location, how) {
      const path = pathOf(location);
      if (path === undefined) {
        const { restoreObjects } = await import('./artifacts/restore-objects.js');
        const tags = new Map(how?.recorded.map(({ path, etag }) => [path, etag]));
        const options = { replace: how?.replace, alone: true, tagOf: (path: string) => tags.get(path) };
        const { parts } = await restoreObjects(await blobs(), digest, places.at(location), options);
        return parts;
      }
      const target = path.replace(/\/+$/, '');
      const { restore } = await import('./artifacts/restore.js');
      await restore(await blobs(), digest, target, { replace: true, keepOld: true });
      return undefined;
    },
    async endUploads(location, paths) {
      const { endLeftUploads } = await import('./artifacts/left-uploads.js');
      const { store, key } = places.at(location);
      const isOurs = (one: string) => one.startsWith(key) && paths.has(one.slice(key.length));
      await endLeftUploads(store, { prefix: key, isOurs, alone: true, signal: undefined });
    },
    canRestore: (location) => location.kind === 's3' || pathOf(location) !== undefined,
  };
}

function markerBelow(tree: Location, marker: Location, pathOf: Keeping['pathOf']): string | undefined {
  const [outer, inner] = [pathOf(tree) ?? keyOf(tree), pathOf(marker) ?? keyOf(marker)];
  const below = relative(outer, inner);
  return below === '' || below.startsWith('..') ? undefined : below;
}

function keyOf(location: Location): string {
  return location.kind === 's3' ? `/${location.bucket}/${location.key}` : location.path;
}

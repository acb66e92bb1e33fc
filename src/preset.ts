import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, promises, writeSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Blobs } from './artifacts/blobs.js';
import type { Config, StoreSetting } from './core/config.js';
import { ConfigError, StoreError } from './core/error.js';
import { formatLocation, type Location, parseLocation } from './core/location.js';
import { mountRoot } from './drivers/fs/mount-root.js';
import { fsStore } from './drivers/fs.js';
import { s3Store } from './drivers/s3/s3.js';
import type { Cache } from './engine/cache.js';
import { blake3 } from './hash.js';
import type { Place, Places } from './look/places.js';
import { limited } from './store/limit.js';
import { observed, StoreCounts } from './store/observe.js';
import { prefixed } from './store/prefix.js';
import { retrying } from './store/retry.js';
import { settling } from './store/settle.js';
import type { Store } from './store/store.js';

/** What the outside world says about stores: the one place where URIs, settings and drivers meet. */
export interface Surroundings {
  readonly config: Pick<Config, 'stores'>;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** `--endpoint-url`: for every bucket. */
  readonly endpointUrl?: string | undefined;
  readonly wire?: 'lean' | 'sdk' | undefined;
}

export interface OpenPlaces extends Places {
  at(location: Location): Place & { readonly store: Store };
  /** Calls and bytes so far, by store name; a repeated try counts again. */
  readonly counts: ReadonlyMap<string, StoreCounts>;
  close(): Promise<void>;
}

/** A request that hangs is given up for another try: waiting for one answer must not use up the whole deadline. */
const ATTEMPT_MS = 20_000;
/** At once, per store; more gain nothing on one core, and servers answer a burst with 503. */
const CONCURRENCY = 64;

export function openPlaces(surroundings: Surroundings): OpenPlaces {
  const stores = new Map<string, Store>();
  const counts = new Map<string, StoreCounts>();
  const open = (id: string, make: () => Store): Store => {
    const known = stores.get(id);
    if (known) return known;
    const tally = new StoreCounts();
    const store = wrap(observed(make(), { counts: tally }));
    stores.set(id, store);
    counts.set(store.name, tally);
    return store;
  };
  return {
    counts,
    at: (location) => placeOf(location, surroundings, open),
    async close() {
      await Promise.all([...stores.values()].map((store) => store.close()));
    },
  };
}

/**
 * The default wrappers, inside out: a limit on what is under way, repeats, and answers that nobody got settled by reading.
 * A disk of our own needs none: what it refuses now it refuses again, and each wrapper costs more than the call itself.
 */
export function wrap(driver: Store): Store {
  return driver.traits.remote
    ? settling(retrying(limited(driver, { concurrency: CONCURRENCY }), { attemptMs: ATTEMPT_MS }))
    : driver;
}

/** The cache as a store of its own, below its prefix. */
export function openCache(uri: string, places: OpenPlaces, { folder }: Pick<Surroundings, 'folder'>) {
  const location = parseLocation(uri.endsWith('/') ? uri : `${uri}/`);
  const { store, key, uri: shown } = places.at(location);
  const cacheFolder = location.kind === 'file' ? resolve(folder, location.path) : undefined;
  const latch =
    store.traits.exclusiveCreate === 'no' ? 'best-effort' : location.kind === 'file' ? 'machine' : 'exclusive';
  // Only who shares this machine's memory can be told in time: on a network's disk there are no hints.
  const epochFile = cacheFolder === undefined || store.traits.remote ? undefined : join(cacheFolder, EPOCH_NAME);
  const cache: Cache = {
    uri: shown,
    store: prefixed(store, key),
    hash: blake3(),
    latch,
    now: Date.now,
    ...(epochFile !== undefined && { changed: () => nextEpoch(epochFile) }),
  };
  return { cache, cacheFolder, epochFile, remote: store.traits.kind === 's3' };
}

export interface OpenArtifacts {
  readonly blobs: Blobs;
  readonly cache: Cache;
  /** Where the cache is a folder. */
  readonly cacheFolder?: string | undefined;
  readonly places: OpenPlaces;
  /** Before the first write, and never by a look. */
  prepare(): Promise<void>;
  close(): Promise<void>;
}

/** The artifacts of a cache, without an engine. */
export async function openArtifacts(uri: string, surroundings: Surroundings): Promise<OpenArtifacts> {
  // Whoever only looks or runs needs none of it.
  const { Blobs } = await import('./artifacts/blobs.js');
  const places = openPlaces(surroundings);
  try {
    const { cache, cacheFolder } = openCache(uri, places, surroundings);
    return {
      blobs: await Blobs.open(cache.store, cache.hash),
      cache,
      cacheFolder,
      places,
      prepare: async () => (cacheFolder === undefined ? undefined : ownIgnore(cacheFolder)),
      close: () => places.close(),
    };
  } catch (error) {
    await places.close();
    throw error;
  }
}

/**
 * The embedded cache lies beside the workflow, in somebody's repository: it asks git to look away by itself. Best effort:
 * what keeps us from it will keep the lease from being written, and that is told.
 */
export async function ownIgnore(cacheFolder: string): Promise<void> {
  try {
    await promises.mkdir(cacheFolder, { recursive: true });
    await promises.writeFile(join(cacheFolder, '.gitignore'), '*\n', { flag: 'wx' });
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
  }
}

const EPOCH_NAME = 'v1/epoch';

/** No epoch is as good as another one. One that stays what it was would let hints speak that know nothing of the new slot. */
async function nextEpoch(file: string): Promise<void> {
  try {
    // On a disk of this machine, and of a few bytes: the way to the thread pool and back would take longer. Over the old
    // ones, which are as many: ext4 sends what was emptied before it was written to the disk when it is closed.
    const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT, 0o666);
    try {
      writeSync(fd, randomBytes(12).toString('hex'), 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    await promises.rm(file, { force: true }).catch((error: Error) => {
      throw new StoreError('store/unavailable', `${file}: ${error.message}`, { store: file, retryable: false });
    });
  }
}

type Open = (id: string, make: () => Store) => Store;

function placeOf(location: Location, surroundings: Surroundings, open: Open): Place & { readonly store: Store } {
  const uri = formatLocation(location);
  switch (location.kind) {
    case 's3': {
      const { endpointUrl, wire, config } = surroundings;
      const [name, setting] = settingOf(uri, config.stores);
      const s3 = setting?.kind === 's3' ? setting : undefined;
      const make = () => s3Store({ ...s3, bucket: location.bucket, endpoint: endpointUrl ?? s3?.endpoint, wire });
      return { uri, key: location.key, store: open(`s3://${location.bucket} ${name}`, make) };
    }
    case 'volume': {
      const name = `pvc://${location.volume}`;
      const setting = surroundings.config.stores[name];
      if (setting?.kind !== 'mount') {
        throw new ConfigError(
          'config/unmapped-volume',
          `${uri}: nothing says where the volume ${location.volume} is mounted here`,
          {
            hint: `add to stepaside.config.yaml: stores: { "${name}": { mount: /mnt/${location.volume} } }`,
          },
        );
      }
      return { uri, key: location.path, store: open(name, () => fsStore({ root: setting.mount, name, mount: true })) };
    }
    case 'file': {
      const path = resolve(surroundings.folder, location.path);
      const root = mountRoot(path);
      const key = relative(root, path) + (location.path.endsWith('/') && path !== root ? '/' : '');
      return { uri, key, store: open(`file ${root}`, () => fsStore({ root, name: root })) };
    }
    default:
      return location satisfies never;
  }
}

/** Where it lies on a disk, as this machine has it mounted. */
export function diskPath(
  location: Location,
  { folder, config }: Pick<Surroundings, 'folder' | 'config'>,
): string | undefined {
  if (location.kind === 's3') return undefined;
  if (location.kind === 'file') return resolve(folder, location.path);
  const setting = config.stores[`pvc://${location.volume}`];
  return setting?.kind === 'mount' ? join(setting.mount, location.path) : undefined;
}

/** The setting with the longest name that the location begins with. */
function settingOf(uri: string, stores: Config['stores']): readonly [name: string, setting: StoreSetting | undefined] {
  let best = '';
  for (const name of Object.keys(stores)) {
    const prefix = name.endsWith('/') ? name : `${name}/`;
    if (uri.startsWith(prefix) && name.length > best.length) best = name;
  }
  return [best, stores[best]];
}

import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Config } from './core/config.js';
import { parseLocation } from './core/location.js';
import { HEARTBEAT_MS } from './engine/beat.js';
import type { Cache } from './engine/cache.js';
import type { Engine, Execute } from './engine/engine.js';
import type { Events } from './engine/events.js';
import { heartThread } from './engine/heart-thread.js';
import { probeLatch } from './engine/latch.js';
import { Watch } from './engine/watch.js';
import { thisProcess } from './holder.js';
import { keeperOf } from './keeper.js';
import { gathering } from './look/gather.js';
import { KnownDigests } from './look/known-digests.js';
import { diskPath, openCache, openPlaces, ownIgnore, type Surroundings } from './preset.js';

export interface EngineSettings {
  /** A location; a tree even without a slash at its end. */
  readonly cache: string;
  readonly surroundings: Surroundings & { readonly config: Config };
  readonly secret?: string | undefined;
  readonly execute: Execute;
  readonly events: Events;
  readonly ttlMs?: number | undefined;
  readonly heartbeatMs?: number | undefined;
  /** Every input is read again. */
  readonly rehash?: boolean | undefined;
}

export interface OpenEngine extends Engine {
  /** Of a cache on a disk of this machine: the file that changes with every slot. */
  readonly epochFile?: string;
  close(): Promise<void>;
}

const TTL_MS = 60_000;

/** An engine on a cache: nothing is written before the first lease is wanted. */
export async function openEngine(settings: EngineSettings): Promise<OpenEngine> {
  const { surroundings } = settings;
  const opened = openPlaces(surroundings);
  const { cache, cacheFolder, epochFile, remote } = openCache(settings.cache, opened, surroundings);
  const places = gathering(opened);
  const self = thisProcess();
  const ownFolder = join(surroundings.folder, '.stepaside');
  const known = new KnownDigests(join(ownFolder, 'digests'), {
    hash: cache.hash,
    boot: self.boot,
    believed: settings.rehash !== true,
  });
  const monotonic = () => performance.now();
  let offsetMs = 0;
  const clock = remote ? places.at(parseLocation(cache.uri)).store.abilities.clock?.() : undefined;
  const asked = clock?.then(
    (found) => {
      offsetMs = Math.round(found.offsetMs);
    },
    () => {},
  );
  let { latch } = cache;
  const timed: Cache = {
    ...cache,
    now: () => Date.now() + offsetMs,
    ...(asked && { timed: asked }),
    get latch() {
      return latch;
    },
  };
  const interval = settings.heartbeatMs ?? HEARTBEAT_MS;
  const heart = heartThread(timed, {
    beat: self.beat,
    script: new URL(import.meta.url.endsWith('.ts') ? '../dist/heart.js' : './heart.js', heartBase(import.meta.url)),
    workerData: { cache: settings.cache, surroundings, interval },
  });
  let ready: Promise<void> | undefined;
  /** What is written before the first lease, and never by a look. */
  async function prepare(): Promise<void> {
    if (cacheFolder !== undefined) await ownIgnore(cacheFolder);
    latch = await probeLatch(timed);
    if (latch === 'best-effort')
      settings.events({
        type: 'cache-warned',
        warning: `${timed.uri} cannot exclude two writers: leases are best effort, and the same step may run twice`,
      });
  }
  return {
    cache: timed,
    ...(epochFile !== undefined && { epochFile }),
    places,
    naming: {
      stores: surroundings.config.stores,
      folder: surroundings.folder,
      ...(cacheFolder === undefined ? {} : { cacheFolder }),
    },
    self,
    heart: {
      ...heart,
      async start() {
        ready ??= prepare();
        await ready;
        await heart.start();
      },
    },
    watch: new Watch(timed, { self, ttlMs: settings.ttlMs ?? TTL_MS, monotonic }),
    limits: surroundings.config.limits,
    secret: settings.secret,
    known,
    version: VERSION,
    monotonic,
    sleep: (ms, signal) =>
      new Promise((done) => {
        const timer = setTimeout(done, ms);
        signal?.addEventListener('abort', () => done(clearTimeout(timer)), { once: true });
      }),
    execute: settings.execute,
    events: settings.events,
    artifacts: keeperOf({
      open: async () => (await import('./artifacts/blobs.js')).Blobs.open(cache.store, cache.hash),
      places,
      pathOf: (location) => diskPath(location, surroundings),
    }),
    async close() {
      if (known.isNew) await ownIgnore(ownFolder);
      known.save();
      await heart.stop();
      await opened.close();
    },
  };
}

/** Chunks of the build lie one folder below the entries. */
function heartBase(url: string): string {
  return url.includes('/chunk/') ? new URL('../', url).href : url;
}

const VERSION = (createRequire(import.meta.url)('stepaside/package.json') as { version: string }).version;

import { probeStore } from '../store/probe.js';
import { type Cache, probedKey, readWhole } from './cache.js';

/** What was found is believed for so long; servers are replaced, buckets get versions. */
const BELIEVED_MS = 7 * 86_400_000;

/**
 * Does put-if-absent exclude here? Never believed because a server did not complain: raced once, before the first lease,
 * and remembered in the cache itself. Nothing is asked of stores that are known.
 */
export async function probeLatch(cache: Cache): Promise<Cache['latch']> {
  const { exclusiveCreate } = cache.store.traits;
  if (exclusiveCreate !== 'claimed') return cache.latch;
  const known = await remembered(cache);
  if (known !== undefined) return known ? 'exclusive' : 'best-effort';
  const report = await probeStore(cache.store, { prefix: PROBES });
  const exclusive = report.exclusiveCreate === 'yes';
  const note = { v: 1, at: cache.now(), exclusive, findings: report.findings };
  await cache.store.write(probedKey(), new TextEncoder().encode(`${JSON.stringify(note)}\n`));
  return exclusive ? 'exclusive' : 'best-effort';
}

const PROBES = 'v1/probes/';

async function remembered(cache: Cache): Promise<boolean | undefined> {
  const bytes = await readWhole(cache.store, probedKey());
  if (!bytes) return undefined;
  try {
    const { at, exclusive } = JSON.parse(new TextDecoder().decode(bytes)) as { at: number; exclusive: unknown };
    if (typeof exclusive !== 'boolean' || !(cache.now() - at < BELIEVED_MS)) return undefined;
    return exclusive;
  } catch {
    return undefined;
  }
}

import type { Digest } from '../core/brand.js';
import { IntegrityError, isStoreError } from '../core/error.js';
import { isTree, type Location, locationBelow, parseLocation } from '../core/location.js';
import { isPart, type Part } from '../core/parts.js';
import type { StoredRecord } from '../core/slot.js';
import { listed } from '../look/listed.js';
import type { Engine } from './engine.js';
import { diskPathOf, type Naming } from './place-id.js';
import { partsIn } from './situation.js';

/**
 * An artifact that the store has lost is stored anew from where the record says that its bytes lie. What is there needs
 * no other proof than the digest that it must have. False: it lies nowhere that can be read from here.
 */
export async function mend(
  engine: Pick<Engine, 'cache' | 'places' | 'naming' | 'artifacts'>,
  record: StoredRecord,
  digest: Digest,
): Promise<boolean> {
  for (const output of record.outputs) {
    if (output.artifact !== digest && output.marker !== digest) continue;
    try {
      const location = locationOf(output.uri, engine.naming);
      const recorded = location && (await partsIn(engine, output));
      if (!recorded) continue;
      // A record does not say what its output's marker is called: it is what lies there beside the parts.
      const beside = await besideParts(engine, location, recorded);
      if (beside === undefined || beside.length > 1) continue;
      const marker = beside[0] === undefined ? undefined : locationBelow(location, beside[0]);
      const from = output.artifact === digest ? location : marker;
      if (from && (await engine.artifacts?.mend(digest, from, from === location ? marker : undefined))) return true;
    } catch (error) {
      if (!isStoreError(error) && !(error instanceof IntegrityError)) throw error;
    }
  }
  return false;
}

function locationOf(uri: string, naming: Naming): Location | undefined {
  if (uri.startsWith('s3://')) return parseLocation(uri);
  const path = diskPathOf(uri, naming);
  return path === undefined ? undefined : { kind: 'file', path: uri.endsWith('/') ? `${path}/` : path };
}

/** The names that are no parts; undefined where a part is missing. */
async function besideParts(
  { places }: Pick<Engine, 'places'>,
  location: Location,
  recorded: readonly Part[],
): Promise<readonly string[] | undefined> {
  if (!isTree(location)) return [];
  const { store, key } = places.at(location);
  const missing = new Set(recorded.map(({ path }) => path));
  const beside: string[] = [];
  for await (const head of listed(store, key)) {
    const path = head.key.slice(key.length);
    if (!missing.delete(path) && path !== '' && isPart(path)) beside.push(path);
  }
  return missing.size === 0 ? beside : undefined;
}

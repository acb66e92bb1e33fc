import type { Location } from '../core/location.js';
import type { PlaceSeen } from '../core/sighting.js';
import { forward } from '../store/forward.js';
import type { Found, Head, Store } from '../store/store.js';
import { type LookRequest, look } from './look.js';
import { inOneTurn } from './one-turn.js';
import type { Place, Places } from './places.js';
import { Planner, type PlannerOptions } from './planner.js';
import { gatherUploads } from './uploads.js';
import { NameWant, RangeWant, type Want } from './wants.js';

interface StorePlaces extends Places {
  at(location: Location): Place & { readonly store: Store };
}

export interface GatheredPlaces extends StorePlaces {
  /** Requests sent so far by those stores that count them. */
  sent(): ReadonlyMap<string, Readonly<Record<string, number>>>;
}

/**
 * The same places; questions that are asked in one turn of the event loop are answered together. Who asks need not know:
 * each store answers as it would alone, but out of listings that many questions share, where that costs less. Nothing is
 * kept: every answer comes from a request that began after its question.
 */
export function gathering(places: StorePlaces, options: PlannerOptions = {}): GatheredPlaces {
  // One for each store: whether two places lie in the same store is told by its identity.
  const gathered = new Map<Store, Store>();
  return {
    at(location) {
      const place = places.at(location);
      let store = gathered.get(place.store);
      if (store === undefined) {
        store = gather(place.store, options);
        gathered.set(place.store, store);
      }
      return { ...place, store };
    },
    sent: () =>
      new Map(
        [...gathered.keys()].flatMap(({ name, abilities }) =>
          abilities.sent ? [[name, abilities.sent()] as const] : [],
        ),
      ),
  };
}

/** Files are asked one by one, which is quick; a listing that may lag behind proves nothing that a name would not. */
function gather(store: Store, options: PlannerOptions): Store {
  if (store.traits.kind === 'file' || !store.traits.strongList) return store;
  const planner = new Planner(store, options);
  const ask = inOneTurn<Want>((wants) => {
    heads.clear();
    return planner.answer(wants);
  });
  /** A read of what is known to hold something needs no listing before it. */
  const full = new Set<string>();

  /** Asked for in this turn already. */
  const heads = new Map<string, NameWant<Head>>();

  function head(key: string): Promise<Head | undefined> {
    let want = heads.get(key);
    if (want === undefined) {
      want = new NameWant<Head>(store, key, { made: (found) => found, alone: () => store.head(key) });
      heads.set(key, want);
      ask(want);
    }
    return want.answer.then((found) => {
      if (found !== undefined && found.size > 0) remember(key);
      return found;
    });
  }

  function read(key: string): Promise<Found | undefined> {
    if (full.delete(key)) return store.read(key);
    const alone = () => store.read(key);
    const want = new NameWant<Found>(store, key, {
      made: (found) => (found.size === 0 ? { head: found, body: NOTHING } : alone()),
      alone,
    });
    ask(want);
    return want.answer;
  }

  function remember(key: string): void {
    if (full.size >= REMEMBERED) full.clear();
    full.add(key);
  }

  const uploads = gatherUploads(() => store.abilities.uploads!);

  return forward(
    store,
    {
      head: (key, call) => (call === undefined && isAskable(key) ? head(key) : store.head(key, call)),
      read: (key, call) => (call === undefined && isAskable(key) ? read(key) : store.read(key, call)),
      list: (prefix, call = {}) =>
        call.signal === undefined && call.after === undefined && prefix.isWellFormed()
          ? new RangeWant(store, prefix, { options: call, begin: ask }).heads
          : store.list(prefix, call),
    },
    { uploads: () => uploads },
  );
}

/** Names that no object can have are told apart by the store itself. */
function isAskable(key: string): boolean {
  return key !== '' && !key.includes('\0') && key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES;
}

const MAX_KEY_BYTES = 1024;
const REMEMBERED = 10_000;
const NOTHING: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

/** So many at once: enough for a listing to pay, few enough to bound memory. */
const AT_ONCE = 10_000;

/** Many looks in one pass, in the order of the requests; each sees what `look` would see alone. */
export async function* lookAll(
  places: StorePlaces,
  requests: Iterable<LookRequest>,
  options: PlannerOptions = {},
): AsyncGenerator<PlaceSeen> {
  const together = gathering(places, options);
  let some: LookRequest[] = [];
  for (const request of requests) {
    some.push(request);
    if (some.length < AT_ONCE) continue;
    yield* await Promise.all(some.map((one) => look(together, one)));
    some = [];
  }
  yield* await Promise.all(some.map((one) => look(together, one)));
}

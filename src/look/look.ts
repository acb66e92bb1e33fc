import { isStoreError } from '../core/error.js';
import { compileGlob } from '../core/glob.js';
import { formatLocation, isTree, type Location } from '../core/location.js';
import { MAX_MARKER_BYTES, type MarkerContents } from '../core/marker.js';
import { counts, inProgressSign, isPart, type Part } from '../core/parts.js';
import type { PlaceSeen } from '../core/sighting.js';
import type { Head } from '../store/store.js';
import { doubtOf } from './doubt.js';
import { listed } from './listed.js';
import { lookAtMarker, markerFromListing, readMarker } from './marker.js';
import type { Place, Places } from './places.js';

export interface LookRequest {
  readonly location: Location;
  /** `presence` stops as soon as the answer is known; `completeness` sees every part. */
  readonly ask: 'presence' | 'completeness';
  readonly marker?: Location;
  readonly glob?: { readonly pattern: string; readonly min: number; readonly minBytes?: number };
}

/** Reads only. What the stores cannot tell comes back as a doubt, never as an absence. */
export async function look(places: Places, request: LookRequest): Promise<PlaceSeen> {
  const uri = formatLocation(request.location);
  const kind = isTree(request.location) || request.glob ? 'tree' : 'object';
  let place: Place;
  try {
    place = places.at(request.location);
    return await lookAt(places, place, request, kind);
  } catch (error) {
    if (__SABOTAGE__ === 'unknown-as-absent') return { uri, kind, atomicObjects: false, parts: [] };
    return { uri, kind, atomicObjects: false, doubt: doubtOf(error) };
  }
}

async function lookAt(places: Places, place: Place, request: LookRequest, kind: 'object' | 'tree'): Promise<PlaceSeen> {
  const base = { uri: place.uri, kind, atomicObjects: place.store.traits.kind !== 'file' };
  if (kind === 'object') return { ...base, ...(await lookAtObject(places, place, request)) };
  if (request.glob) return { ...base, ...(await lookAtGlob(place, request.glob)) };
  if (request.marker && request.ask === 'presence')
    return { ...base, ...(await lookForMarker(places, place, request.marker)) };
  return { ...base, ...(await lookAtTree(places, place, request)) };
}

type Seen = Partial<PlaceSeen>;

async function lookAtObject(places: Places, place: Place, { ask, marker }: LookRequest): Promise<Seen> {
  const [head, markerSeen, signs] = await Promise.all([
    place.store.head(place.key),
    marker ? lookAtMarker(places, marker) : undefined,
    ask === 'completeness' ? openUploads(place, place.key, true) : [],
  ]);
  const contents = head && !marker && ask === 'presence' ? await ownContents(place, head) : undefined;
  const seen: Seen = { parts: head ? [partOf(head, '')] : [], signs, ...(contents && { contents }), ...markerSeen };
  return head || place.store.traits.kind !== 'file' ? seen : { ...seen, ...(await folderNote(place)) };
}

/** A claim is smaller than this; what is larger, and not called a marker, is data. */
const SMALL = 64 * 1024;

/** Whoever asks for `_SUCCESS` by its own name means the marker: a failed job's report or a claim is not "there". */
async function ownContents(place: Place, head: Head): Promise<MarkerContents | undefined> {
  const isMarker = /(^|\/)(_SUCCESS|_stepaside\.json)$/.test(head.key);
  if (head.size === 0 || head.archived || head.size > (isMarker ? MAX_MARKER_BYTES : SMALL)) return undefined;
  const found = await place.store.read(place.key);
  const contents = found && (await readMarker(found));
  // Many a file begins with a brace; only of a marker is it said that its JSON is cut short.
  return contents?.kind === 'broken' && !isMarker ? undefined : contents;
}

/** A file is looked for and a folder stands there: the commonest slip, and a listing of one name tells it. */
async function folderNote(place: Place): Promise<Seen> {
  for await (const _ of place.store.list(`${place.key}/`, { pageSize: 1 })) {
    return { note: `a folder stands there: write ${place.uri}/ to mean what is in it` };
  }
  return {};
}

async function lookAtTree(places: Places, place: Place, { ask, marker }: LookRequest): Promise<Seen> {
  const markerPlace = marker && places.at(marker);
  const markerPath = markerPlace && pathBelow(place, markerPlace);
  const signs = ask === 'completeness' ? await otherSigns(place) : [];
  const parts: Part[] = [];
  let markerHead: Head | undefined;
  for await (const head of listed(place.store, place.key)) {
    const path = head.key.slice(place.key.length);
    // A placeholder for the tree itself is no part of it.
    if (path === '') continue;
    if (path === markerPath) markerHead = head;
    const part = partOf(head, path);
    parts.push(part);
    if (ask === 'presence' && isPart(path) && counts(part)) return { parts, more: true };
  }
  if (!marker || !markerPlace) return { parts, signs };
  const seen =
    markerPath === undefined ? await lookAtMarker(places, marker) : await markerFromListing(places, marker, markerHead);
  return { parts, signs, ...seen, ...(markerPath === undefined ? {} : { markerPath }) };
}

/** Only the marker is asked for: it is read, and the few names that would gainsay it are listed. */
async function lookForMarker(places: Places, place: Place, marker: Location): Promise<Seen> {
  const [seen, ...signs] = await Promise.all([
    lookAtMarker(places, marker),
    workFolders(place),
    ...['_temporary/', '__magic', '.spark-staging-'].map((name) => newestBelow(place, name)),
  ]);
  return { ...seen, signs: signs.flat() };
}

type Signs = NonNullable<PlaceSeen['signs']>;

async function otherSigns(place: Place): Promise<Signs> {
  const [uploads, folders] = await Promise.all([openUploads(place, place.key, false), workFolders(place)]);
  return [...uploads, ...folders];
}

/** Spark makes its folders before the first file in them: on a volume they are there and no listing of files shows them. */
async function workFolders(place: Place): Promise<Signs> {
  const folders = (await place.store.abilities.folders?.folders(place.key)) ?? [];
  return folders.flatMap(({ name, modifiedAt }) => (inProgressSign(name) ? [{ name: `${name}/`, modifiedAt }] : []));
}

async function newestBelow(place: Place, name: string): Promise<Signs> {
  let newest: { name: string; modifiedAt: number } | undefined;
  for await (const head of place.store.list(place.key + name)) {
    const sign = inProgressSign(head.key.slice(place.key.length));
    if (sign && (!newest || head.modifiedAt > newest.modifiedAt))
      newest = { name: `${sign}/`, modifiedAt: head.modifiedAt };
  }
  return newest ? [newest] : [];
}

async function lookAtGlob(
  place: Place,
  { pattern, min, minBytes = 0 }: NonNullable<LookRequest['glob']>,
): Promise<Seen> {
  const glob = compileGlob(pattern);
  const parts: Part[] = [];
  let [found, bytes] = [0, 0];
  const wanted = (path: string) => glob.matches(path) && isPart(path);
  const below = listed(place.store, place.key + glob.prefix, (key) => wanted(key.slice(place.key.length)));
  for await (const head of below) {
    const part = partOf(head, head.key.slice(place.key.length));
    parts.push(part);
    if (!counts(part)) continue;
    found++;
    bytes += part.size;
    if (found >= min && bytes >= minBytes) return { parts, more: true };
  }
  return { parts };
}

/** Multipart uploads that were begun and not ended, where the store lets us list them. Where not, other signs must do. */
async function openUploads(place: Place, prefix: string, exact: boolean): Promise<Signs> {
  const found: { name: string; modifiedAt: number }[] = [];
  try {
    for await (const upload of place.store.abilities.uploads?.openUploads(prefix) ?? []) {
      if (!exact || upload.key === prefix)
        found.push({ name: `an open upload of ${upload.key}`, modifiedAt: upload.startedAt });
    }
  } catch (error) {
    if (!isStoreError(error)) throw error;
  }
  return found;
}

function pathBelow(tree: Place, inner: Place): string | undefined {
  return inner.store === tree.store && inner.key.startsWith(tree.key) ? inner.key.slice(tree.key.length) : undefined;
}

export function partOf(head: Head, path: string): Part {
  const { size, etag, file, modifiedAt, archived } = head;
  return {
    path,
    size,
    modifiedAt,
    ...(etag === undefined ? {} : { etag }),
    ...(file === undefined ? {} : { file }),
    ...(archived === undefined ? {} : { archived }),
  };
}

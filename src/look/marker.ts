import { isStoreError } from '../core/error.js';
import { formatLocation, type Location } from '../core/location.js';
import { MAX_MARKER_BYTES, type MarkerContents, recogniseMarker } from '../core/marker.js';
import type { MarkerSeen, PlaceSeen } from '../core/sighting.js';
import type { Found, Head } from '../store/store.js';
import { doubtOf } from './doubt.js';
import type { Places } from './places.js';

type SeenMarker = Pick<PlaceSeen, 'marker' | 'markerUri'>;

/** One request: a marker is small, so its contents come with its facts. */
export async function lookAtMarker(places: Places, location: Location): Promise<SeenMarker> {
  const markerUri = formatLocation(location);
  try {
    const { store, key } = places.at(location);
    const found = await store.read(key);
    const marker: MarkerSeen = found ? await seenMarker(found) : { seen: 'gone' };
    return { markerUri, marker };
  } catch (error) {
    if (isStoreError(error, 'store/archived')) {
      return { markerUri, marker: { seen: 'there', modifiedAt: 0, archived: true, contents: { kind: 'opaque' } } };
    }
    return { markerUri, marker: { seen: 'doubt', doubt: doubtOf(error) } };
  }
}

/** The listing of the tree has shown it already, or has not: only contents are still to be read. */
export async function markerFromListing(
  places: Places,
  location: Location,
  head: Head | undefined,
): Promise<SeenMarker> {
  const { store } = places.at(location);
  // Where a listing may lag behind, what it does not show is asked for by name.
  if (!head && store.traits.strongList) return { markerUri: formatLocation(location), marker: { seen: 'gone' } };
  if (!head || head.size > 0) return lookAtMarker(places, location);
  const contents: MarkerContents = { kind: 'empty' };
  const archived = head.archived ? { archived: true } : {};
  return {
    markerUri: formatLocation(location),
    marker: { seen: 'there', modifiedAt: head.modifiedAt, contents, ...archived },
  };
}

async function seenMarker({ head, body }: Found): Promise<MarkerSeen> {
  const { modifiedAt } = head;
  if (head.archived) return { seen: 'there', modifiedAt, archived: true, contents: { kind: 'opaque' } };
  return { seen: 'there', modifiedAt, contents: await readMarker({ head, body }) };
}

export async function readMarker({ body }: Found): Promise<MarkerContents> {
  const text = await readText(body);
  return text === undefined ? { kind: 'opaque' } : recogniseMarker(text);
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    // Breaking off ends the transfer; a body must not be left unread, or its connection is lost.
    if (length > MAX_MARKER_BYTES) return undefined;
    pieces.push(piece);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch {
    return undefined;
  }
}

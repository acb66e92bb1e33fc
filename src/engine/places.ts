import { isStoreError } from '../core/error.js';
import { isTree, type Location, parseLocation } from '../core/location.js';
import { matchMarker, OUR_MARKER } from '../core/marker.js';
import type { Part } from '../core/parts.js';
import type { Output } from '../core/step.js';
import { askOutput, markerOf } from '../look/ask.js';
import { lookAtMarker } from '../look/marker.js';
import type { Engine } from './engine.js';
import type { Subject } from './situation.js';

/** What a run may do at its own outputs, and nowhere else: clear, claim, mark, take back. */
export interface OwnOutput {
  readonly output: Output;
  readonly location: Location;
  /** The declared marker's place; ours to write, or the producer's. */
  readonly marker?: { readonly location: Location; readonly by: 'stepaside' | 'producer' };
}

export function ownOutputs(outputs: readonly Output[]): readonly OwnOutput[] {
  return outputs.flatMap((output) => {
    if (output.path === undefined) return [];
    const location = parseLocation(output.path);
    if (output.marker === undefined && output.match === undefined) return [{ output, location }];
    const marker = { location: markerOf(location, output.marker ?? OUR_MARKER), by: output.markerBy };
    return [{ output, location, marker }];
  });
}

/** The parts that are there now; undefined where nobody can tell. */
export async function partsAt(
  engine: Engine,
  { workflow, instance }: Subject,
  output: Output,
  key: string,
): Promise<readonly Part[] | undefined> {
  const policy = workflow.policies[instance.step.policy]!;
  return (await askOutput(engine.places, output, { policy, key, folder: workflow.folder })).parts;
}

/** `mode: replace`: everything below the tree, the markers first. */
export async function empty(engine: Engine, own: OwnOutput): Promise<void> {
  if (own.marker) await removeAt(engine, own.marker.location);
  const place = engine.places.at(own.location);
  if (!isTree(own.location)) return place.store.remove(place.key);
  const keys: string[] = [];
  for await (const { key } of place.store.list(place.key)) if (key !== place.key) keys.push(key);
  for (const key of keys) await place.store.remove(key);
}

export interface Claim {
  readonly key: string;
  readonly attempt: number;
}

/** Our marker becomes a claim: under every policy it says that somebody is at work. */
export function claim(engine: Engine, marker: Location, { key, attempt }: Claim): Promise<void> {
  return writeAt(
    engine,
    marker,
    `${JSON.stringify({ v: 1, key, attempt, state: 'running', createdAt: isoOf(engine) })}\n`,
  );
}

/** What our finished marker says: as the output asks, the key or a text alone, else our JSON. */
export async function mark(
  engine: Engine,
  { output, marker }: OwnOutput,
  { key, attempt }: Claim,
  total: { readonly count: number; readonly bytes: number },
): Promise<void> {
  if (marker?.by !== 'stepaside') return;
  const json = { v: 1, key, attempt, state: 'complete', createdAt: isoOf(engine), outputs: [output.name], total };
  const text = output.content ?? (output.match === 'key' ? key : `${JSON.stringify(json)}\n`);
  await writeAt(engine, marker.location, text);
}

/** Gone is normal (producers empty their folder); ours is ours. Anything else was written by somebody else. */
export async function isContested(engine: Engine, marker: Location, { key, attempt }: Claim): Promise<boolean> {
  const seen = (await lookAtMarker(engine.places, marker)).marker;
  if (seen?.seen !== 'there') return seen?.seen === 'doubt';
  const { contents } = seen;
  return contents.kind === 'stepaside' && !(contents.key === key && contents.attempt === attempt);
}

/** Undoes `mark`, as far as what is there is ours. */
export async function unmark(engine: Engine, { output, marker }: OwnOutput, { key }: Claim): Promise<void> {
  if (marker?.by !== 'stepaside') return;
  const seen = (await lookAtMarker(engine.places, marker.location)).marker;
  const want =
    output.content === undefined
      ? ({ match: 'key', key } as const)
      : ({ match: 'content', content: output.content } as const);
  if (seen?.seen === 'there' && matchMarker(seen.contents, want).ok) await removeAt(engine, marker.location);
}

/** A producer's old marker must not vouch for what a new run leaves. False: the store forbids it, which `mayStay` allows. */
export async function removeOld(engine: Engine, marker: Location, mayStay: boolean): Promise<boolean> {
  try {
    await removeAt(engine, marker);
    return true;
  } catch (error) {
    if (isStoreError(error) && mayStay) return false;
    throw error;
  }
}

async function removeAt(engine: Engine, location: Location): Promise<void> {
  const { store, key } = engine.places.at(location);
  await store.remove(key);
}

async function writeAt(engine: Engine, location: Location, text: string): Promise<void> {
  const { store, key } = engine.places.at(location);
  await store.write(key, new TextEncoder().encode(text));
}

function isoOf(engine: Engine): string {
  return new Date(engine.cache.now()).toISOString();
}

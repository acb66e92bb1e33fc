import type { Digest, WorkKey } from '../core/brand.js';
import type { Component } from '../core/key.js';
import { contentIdentity, type Part } from '../core/parts.js';
import type { Stored, StoredOutput, StoredRecord } from '../core/slot.js';
import { hashParts } from '../look/inputs.js';
import { putObject } from './cache.js';
import type { Engine, Keeper } from './engine.js';
import type { OwnOutput } from './places.js';
import { idOf, type Seen, type Subject } from './situation.js';

/** Bigger parts lists and components are objects of their own: servers answer a lost race on a big body by a reset. */
const INLINE_BYTES = 6 * 1024;
/** `hash: auto` reads outputs on volumes again up to this size. */
const AUTO_HASH_BYTES = 10 * 2 ** 30;

/** What a run left at one of its outputs. */
export interface Made {
  readonly own: OwnOutput;
  readonly parts: readonly Part[];
  readonly markerSeen: boolean;
}

interface Facts {
  readonly attempt: number;
  readonly run: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly tries: number;
  readonly value?: string;
  readonly made: readonly Made[];
  readonly adopted?: boolean;
}

export async function recordOf(
  engine: Engine,
  { workflow, instance }: Subject,
  { key, keyed }: { readonly key: WorkKey; readonly keyed: Seen['keyed'] },
  facts: Facts,
): Promise<StoredRecord> {
  const { made, adopted, value, ...rest } = facts;
  const outputs: StoredOutput[] = [];
  for (const { own, parts, markerSeen } of made) outputs.push(await storedOutput(engine, own, parts, markerSeen));
  for (const { name, path, probe } of instance.resolved.outputs)
    if (path === undefined)
      outputs.push({
        name,
        uri: `${probe === undefined ? 'value' : 'probe'}:${name}`,
        markerSeen: false,
        count: 0,
        bytes: 0,
        parts: { here: [] },
      });
  const { maxStalenessMs } = instance.step.memoize;
  const { image } = instance.resolved;
  return {
    key,
    workflow: workflow.name,
    step: instance.name,
    ...rest,
    ...(value === undefined ? {} : { value: await storedValue(engine, value) }),
    producedAt: engine.cache.now(),
    ...(maxStalenessMs === undefined ? {} : { trackMs: maxStalenessMs }),
    exitCode: 0,
    producer: {
      host: engine.self.host,
      version: engine.version,
      ...(image === undefined ? {} : { image }),
      ...(adopted ? { adopted } : {}),
    },
    components: await store<readonly Component[]>(engine, keyed.components),
    outputs,
  };
}

async function storedOutput(
  engine: Engine,
  own: OwnOutput,
  listed: readonly Part[],
  markerSeen: boolean,
): Promise<StoredOutput> {
  const { output, location } = own;
  const place = engine.places.at(location);
  const bytes = listed.reduce((sum, part) => sum + part.size, 0);
  const onVolume = place.store.traits.kind === 'file';
  // What is kept comes back with other times: only by its bytes is it known again.
  const wanted = output.keep === 'artifact' || output.hash === 'always';
  const hashed = onVolume && (wanted || (output.hash === 'auto' && bytes <= AUTO_HASH_BYTES));
  const parts = hashed ? await hashParts(place, listed, engine.cache.hash, () => true) : listed;
  const identity = contentIdentity(parts, engine.cache.hash);
  return {
    name: output.name,
    uri: idOf(engine, output),
    markerSeen,
    count: parts.length,
    bytes,
    ...(identity === undefined ? {} : { identity }),
    ...(output.keep === 'artifact' && engine.artifacts && (await kept(engine.artifacts, own, markerSeen))),
    parts: await store(engine, parts),
  };
}

/** A producer's marker is nothing that we could write: it is kept as it is, and comes back last. */
async function kept(
  keeper: Keeper,
  { location, marker }: OwnOutput,
  markerSeen: boolean,
): Promise<Pick<StoredOutput, 'artifact' | 'marker'>> {
  const artifact = await keeper.keep(location, marker?.location);
  return marker?.by === 'producer' && markerSeen
    ? { artifact, marker: await keeper.keep(marker.location) }
    : { artifact };
}

async function store<T>(engine: Engine, value: T): Promise<Stored<T>> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return bytes.length <= INLINE_BYTES ? { here: value } : { digest: await putObject(engine.cache, bytes) };
}

async function storedValue(engine: Engine, value: string): Promise<NonNullable<StoredRecord['value']>> {
  const stored = await store(engine, value);
  return 'here' in stored ? stored.here : stored;
}

/**
 * What is kept on S3 is known by its artifact: that says what the bytes are, also where a server's tags do not. On volumes
 * parts have their BLAKE3, which says so already, and nothing of modes and empty folders. Undefined: of parts without an
 * identity nobody could tell later that they are still these.
 */
export function identityOf({ uri, identity, artifact }: StoredOutput): Digest | undefined {
  return identity !== undefined && artifact !== undefined && uri.startsWith('s3://') ? artifact : identity;
}

export function identitiesOf(record: StoredRecord): Readonly<Record<string, Digest>> {
  return Object.fromEntries(
    record.outputs.flatMap((output) => {
      const identity = identityOf(output);
      return identity === undefined ? [] : [[output.name, identity]];
    }),
  );
}

/** The record of what was put back: as old as the first one, and with the tags that the same bytes have now. */
export async function recordPutBack(
  engine: Engine,
  { instance }: Subject,
  record: StoredRecord,
  attempt: number,
  changed: ReadonlyMap<string, readonly Part[]>,
): Promise<StoredRecord> {
  const outputs: StoredOutput[] = [];
  for (const stored of record.outputs) {
    const parts = changed.get(stored.name);
    if (!parts) {
      outputs.push(stored);
      continue;
    }
    const { identity: _, ...rest } = stored;
    const identity = contentIdentity(parts, engine.cache.hash);
    const output = instance.resolved.outputs.find(({ name }) => name === stored.name)!;
    outputs.push({
      ...rest,
      uri: idOf(engine, output),
      ...(identity === undefined ? {} : { identity }),
      parts: await store(engine, parts),
    });
  }
  return { ...record, attempt, putBack: record.putBack ?? record.attempt, outputs };
}

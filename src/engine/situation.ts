import type { WorkKey } from '../core/brand.js';
import { judge, type PathQuestion, questions } from '../core/condition.js';
import type { KeyState, Situation } from '../core/decide.js';
import { parseLocation } from '../core/location.js';
import { compareParts, type Part } from '../core/parts.js';
import type { OutputSeen } from '../core/prove.js';
import type { PlaceLog, WorkRecord } from '../core/record.js';
import type { StepInstance } from '../core/resolve.js';
import type { Sighting, State } from '../core/sighting.js';
import type { LogState, StoredOutput, StoredRecord } from '../core/slot.js';
import type { Output, Workflow } from '../core/step.js';
import { askOutput, askPresence } from '../look/ask.js';
import { doubtOf } from '../look/doubt.js';
import { hashParts } from '../look/inputs.js';
import { type Keyed, keyOf, type Upstream } from '../look/key-of.js';
import { getObject, keyLog, placeLog } from './cache.js';
import type { Asked, Engine } from './engine.js';
import type { Read } from './lease.js';
import { placeId } from './place-id.js';

/** What a look at everything that bears on one step found. Reads only. */
export interface Seen {
  readonly keyed: Keyed;
  readonly key?: WorkKey;
  readonly outputs: readonly OutputSeen[];
  readonly condition?: Situation['condition'];
  readonly records: Situation['records'];
  /** The records of this key that were read, in full, the newest last. */
  readonly stored: readonly StoredRecord[];
  readonly keyRead?: Read;
  /** By output name; a probe has none. */
  readonly placeReads: ReadonlyMap<string, Read>;
  /** The log that somebody else holds. */
  readonly heldBy?: { readonly read: Read; readonly what: string };
  /** When the look began, by the clock that never goes back. */
  readonly at: number;
  /** Some outputs were looked at before what the logs hold was written: good enough for a hit, and for nothing else. */
  readonly early?: true;
}

export interface Subject {
  readonly workflow: Workflow;
  readonly instance: StepInstance;
  readonly upstream?: Upstream | undefined;
  /** What lies at the consumed outputs now: what was read must still be what the key says. */
  readonly identitiesNow?: () => Promise<Upstream['identities']>;
}

export async function lookAround(
  engine: Engine,
  subject: Subject,
  asked: Asked,
  order: 'logs-first' | 'together' = 'logs-first',
): Promise<Seen> {
  const at = engine.monotonic();
  const { workflow, instance } = subject;
  const { outputs, when } = instance.resolved;
  const condition = when && (await askCondition(engine, when));
  const bare = { outputs: [], records: [], stored: [], placeReads: new Map(), at };
  if (condition?.truth === 'false' && !asked.force)
    return {
      ...bare,
      keyed: { key: { state: 'not-cached', why: 'its condition is false' }, components: [] },
      condition,
    };

  const keyed = await keyOf(workflow, instance, {
    places: engine.places,
    hash: engine.cache.hash,
    known: engine.known,
    secret: engine.secret,
    upstream: subject.upstream,
  });
  const base = { keyed, at, ...(condition && { condition }) };
  if (keyed.key.state === 'pending' || keyed.key.state === 'input-missing') return { ...bare, ...base };
  const key = keyed.key.state === 'known' ? keyed.key.key : undefined;
  try {
    return { ...base, ...(key && { key }), ...(await lookAtLogs(engine, subject, { key, order })) };
  } catch (error) {
    const doubt = doubtOf(error);
    const placed = outputs.filter((output) => !isValue(output));
    const seen = await Promise.all(placed.map((output) => lookAtOutput(engine, subject, output, key)));
    return { ...base, ...(key && { key }), outputs: seen, records: { doubt }, stored: [], placeReads: new Map() };
  }
}

async function lookAtLogs(
  engine: Engine,
  subject: Subject,
  { key, order }: { readonly key: WorkKey | undefined; readonly order: 'logs-first' | 'together' },
) {
  const { cache } = engine;
  const { outputs } = subject.instance.resolved;
  const places = outputs.filter((output) => output.path !== undefined);
  const begun = order === 'together' ? places.filter((output) => isFar(engine, output)) : [];
  const early = new Map(begun.map((output) => [output, unwatched(lookAtOutput(engine, subject, output, key))]));
  // Logs before places: what is committed after this look is seen by the append that then fails.
  const [keyRead, ...reads] = await Promise.all([
    key && readLog(keyLog(cache, key)),
    ...places.map((output) => readLog(placeLog(cache, idOf(engine, output)))),
  ]);
  const placeReads = new Map(places.map((output, index) => [output.name, reads[index]!]));
  const views = [...placeReads.values()].map(({ view }) => view);
  const listed = keyRead ? await recordsOf(keyRead, views) : [];
  const stored = await Promise.all(listed.map((record) => withValue(engine, record)));
  const entries = new Map(keyRead?.view.records.map((entry) => [entry.attempt, entry]));
  const records: WorkRecord[] = [];
  const restorable = new Set(places.filter((output) => canRestore(engine, output)).map(({ name }) => name));
  for (const record of stored) {
    const tombstoned = entries.get(record.attempt)?.tombstoned === true;
    records.push(await workRecord(engine, record, { tombstoned, restorable }));
  }
  // Asked together, they can be answered together.
  const seen = await Promise.all(
    outputs.map(async (output) => {
      if (isValue(output)) return valueSeen(output, records);
      const read = placeReads.get(output.name);
      const found = await (early.get(output) ?? lookAtOutput(engine, subject, output, key));
      const log = read ? logOf(read.view) : newestLog(records);
      return settled(engine, subject, output, { ...found, log }, records);
    }),
  );
  const all = [
    ...(keyRead ? [{ read: keyRead, what: 'the same work' }] : []),
    ...[...placeReads].map(([name, read]) => ({ read, what: `work at ${name}` })),
  ];
  const held = await Promise.all(all.map(async (one) => ((await engine.watch.isHeld(one.read)) ? one : undefined)));
  const heldBy = held.find((one) => one !== undefined);
  if (__SABOTAGE__ === 'place-unleased') placeReads.clear();
  // Where no log has a slot, nothing was committed after the look, whenever it was.
  const isEarly = early.size > 0 && all.some(({ read }) => read.view.n > 0);
  return {
    outputs: seen,
    records,
    stored,
    placeReads,
    ...(keyRead && { keyRead }),
    ...(heldBy && { heldBy }),
    ...(isEarly && { early: true as const }),
  };
}

/** A look there takes as long as a look at the log: one after the other is twice as long. */
function isFar(engine: Engine, output: Output): boolean {
  try {
    return engine.places.at(parseLocation(output.path ?? '')).store.traits.remote;
  } catch {
    return false;
  }
}

/** Begun before anybody waits for it: where the logs cannot be read, nobody ever does. */
function unwatched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

async function readLog(log: Read['log']): Promise<Read> {
  return { log, view: await log.read() };
}

export function idOf(engine: Engine, output: Output): string {
  return placeId(parseLocation(output.path ?? ''), engine.naming);
}

/** The newest record comes with the log. Others are read where it alone cannot settle the matter. */
async function recordsOf({ log, view }: Read, places: readonly LogState[]): Promise<readonly StoredRecord[]> {
  const { newest, records } = view;
  if (!newest) return [];
  const entry = records.at(-1);
  const enough =
    entry?.attempt === newest.attempt &&
    !entry.tombstoned &&
    places.every(({ last }) => last.state === 'committed' && last.attempt === newest.attempt);
  if (enough || records.length <= 1) return entry?.attempt === newest.attempt ? [newest] : [];
  const found = await Promise.all(records.map((one) => (one.attempt === newest.attempt ? newest : log.record(one))));
  return found.filter((record) => record !== undefined);
}

/** With the value itself where it is an object of its own; one that is gone or damaged stays a digest. */
async function withValue(engine: Engine, record: StoredRecord): Promise<StoredRecord> {
  if (typeof record.value !== 'object') return record;
  const bytes = await getObject(engine.cache, record.value.digest);
  return bytes ? { ...record, value: JSON.parse(new TextDecoder().decode(bytes)) as string } : record;
}

/** A parts list or value that is gone or is not what its digest says leaves an output that nothing can match. */
async function workRecord(
  engine: Engine,
  record: StoredRecord,
  { tombstoned, restorable }: { readonly tombstoned: boolean; readonly restorable: ReadonlySet<string> },
): Promise<WorkRecord> {
  const outputs: WorkRecord['outputs'][number][] = [];
  for (const output of record.outputs) {
    if (output.uri.startsWith('value:') && typeof record.value === 'object') continue;
    const parts = await partsIn(engine, output);
    const { name, uri, markerSeen, artifact } = output;
    if (parts) outputs.push({ name, uri, parts, markerSeen, ...(artifact && restorable.has(name) && { artifact }) });
  }
  const { key, attempt, producedAt, trackMs } = record;
  return { key, attempt, producedAt, tombstoned, outputs, ...(trackMs === undefined ? {} : { trackMs }) };
}

function canRestore(engine: Engine, output: Output): boolean {
  return output.keep === 'artifact' && engine.artifacts?.canRestore(parseLocation(output.path ?? '')) === true;
}

export async function partsIn(
  engine: Pick<Engine, 'cache'>,
  { parts }: StoredOutput,
): Promise<readonly Part[] | undefined> {
  if ('here' in parts) return parts.here;
  const bytes = await getObject(engine.cache, parts.digest);
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as readonly Part[]);
}

function logOf({ last }: LogState): PlaceLog {
  switch (last.state) {
    case 'none':
    case 'committed':
      return last;
    case 'open':
      return __SABOTAGE__ === 'open-as-none' ? { state: 'none' } : { state: 'open' };
    default:
      return last satisfies never;
  }
}

/** What a library function returns: it lies in the record, which is its proof. */
export function isValue({ path, probe }: Output): boolean {
  return path === undefined && probe === undefined;
}

function valueSeen({ name }: Output, records: readonly WorkRecord[]): OutputSeen {
  const uri = `value:${name}`;
  const log = newestLog(records);
  const sighting: Sighting =
    log.state === 'none'
      ? { uri, state: 'absent', why: 'no record holds it' }
      : { uri, state: 'present', why: 'the record holds it' };
  return { name, uri, sighting, log, probe: true };
}

/** A probe or a value has no place and so no log: the newest record speaks for it. */
function newestLog(records: readonly WorkRecord[]): PlaceLog {
  const newest = records.at(-1);
  return newest ? { state: 'committed', key: newest.key, attempt: newest.attempt } : { state: 'none' };
}

async function lookAtOutput(
  engine: Engine,
  { workflow, instance }: Subject,
  output: Output,
  key: WorkKey | undefined,
): Promise<OutputSeen> {
  const policy = workflow.policies[instance.step.policy]!;
  const found = await askOutput(engine.places, output, { policy, folder: workflow.folder, ...(key && { key }) });
  const probe = output.probe !== undefined;
  return {
    name: output.name,
    uri: probe ? `probe:${output.name}` : nameOf(engine, output),
    sighting: found.sighting,
    log: { state: 'none' },
    ...(found.parts && { parts: found.parts }),
    ...(output.mode !== 'replace' && isOnS3(output) && { extrasStay: true }),
    ...(probe && { probe }),
  };
}

function isOnS3({ path }: Output): boolean {
  return path !== undefined && parseLocation(path).kind === 's3';
}

/** A place that cannot be asked for its name is called as it is written: no record says that it was made there. */
function nameOf(engine: Engine, output: Output): string {
  try {
    return idOf(engine, output);
  } catch (error) {
    doubtOf(error);
    return `unknown:${output.path}`;
  }
}

/** Another time or inode is settled by the bytes, where the record knows them; under `digest` everything is read again. */
async function settled(
  engine: Engine,
  { workflow, instance }: Subject,
  output: Output,
  seen: OutputSeen,
  records: readonly WorkRecord[],
): Promise<OutputSeen> {
  const { log, parts } = seen;
  if (!parts || log.state !== 'committed' || output.path === undefined) return seen;
  const recorded = records
    .find(({ attempt }) => attempt === log.attempt)
    ?.outputs.find(({ name }) => name === output.name);
  if (!recorded) return seen;
  const deep = workflow.policies[instance.step.policy]!.withRecord === 'digest';
  const verdict = compareParts(recorded.parts, parts, deep);
  if (verdict.same || !verdict.changes.every(({ what }) => what === 'unverified')) return seen;
  const doubtful = new Set(verdict.changes.map(({ path }) => path));
  const place = engine.places.at(parseLocation(output.path));
  try {
    const known = new Set(recorded.parts.filter(({ digest }) => digest !== undefined).map(({ path }) => path));
    return {
      ...seen,
      parts: await hashParts(place, parts, engine.cache.hash, ({ path }) => doubtful.has(path) && known.has(path)),
    };
  } catch (error) {
    const doubt = doubtOf(error);
    return { ...seen, sighting: { ...seen.sighting, state: 'unknown', why: doubt.message, doubt } };
  }
}

const TRUTH: Record<State, 'true' | 'false' | 'unknown'> = {
  present: 'true',
  absent: 'false',
  partial: 'false',
  outdated: 'false',
  archived: 'unknown',
  unverified: 'unknown',
  unknown: 'unknown',
};

async function askCondition(
  engine: Engine,
  when: Parameters<typeof judge>[0],
): Promise<NonNullable<Situation['condition']>> {
  const answers = new Map<PathQuestion, Sighting>();
  await Promise.all(
    questions(when).map(async (question) => answers.set(question, await askPresence(engine.places, question))),
  );
  const { truth, because } = judge(when, (question) => TRUTH[answers.get(question)!.state]);
  return { truth, because: because.map((question) => describe(answers.get(question)!)) };
}

function describe({ uri, state, why }: Sighting): string {
  return `${uri} is ${state}: ${why}`;
}

export function situationOf(
  engine: Engine,
  { workflow, instance }: Subject,
  seen: Seen,
  asked: Asked & Pick<Situation, 'needed' | 'lease' | 'memo'>,
): Situation {
  const { step } = instance;
  const { maxAgeMs, maxStalenessMs } = step.memoize;
  const key: KeyState = seen.keyed.key;
  return {
    key,
    ...(seen.condition && { condition: seen.condition }),
    outputs: seen.outputs,
    records: seen.records,
    lease: asked.lease,
    control: { force: asked.force, readOff: asked.readOff, writeOff: asked.writeOff },
    needed: asked.needed,
    ...(asked.memo && { memo: true }),
    policy: workflow.policies[step.policy]!,
    ...(step.whenUnknown && { whenUnknown: step.whenUnknown }),
    freshness: {
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
      ...(maxStalenessMs === undefined ? {} : { maxStalenessMs }),
      limits: engine.limits,
    },
    now: engine.cache.now(),
  };
}

import { read, type Told } from '../f3-oracle.js';
import type { Shape } from './shapes.js';

/** Judges what a fault left by DESIGN.md alone: nothing of src/ is imported, slots and markers are read as plain JSON. */
export interface Evidence {
  /** Slot texts by log and number. */
  readonly logs: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** By name, whether its bytes have that digest. */
  readonly objects: ReadonlyMap<string, { readonly text: string; readonly intact: boolean }>;
  /** What lies at each output, markers too: by the output's path, then by the name below it. */
  readonly places: ReadonlyMap<string, ReadonlyMap<string, Lying>>;
  /** `begin STEP NONCE none|claim|finished` and `end STEP NONCE`, as the commands told. */
  readonly lines: readonly string[];
  /** A slot that holds other bytes than it once did. */
  readonly overwritten: readonly string[];
}

export interface Lying {
  readonly size: number;
  readonly text: string;
  readonly etag?: string;
  readonly mtimeNs?: string;
  readonly inode?: string;
  readonly digest?: string;
}

export interface Recorded {
  readonly key: string;
  readonly attempt: number;
  readonly run: string;
  readonly step: string;
  readonly outputs: readonly { readonly name: string; readonly parts: Stored }[];
}

type Stored = { readonly here: readonly RecordedPart[] } | { readonly digest: string };

interface RecordedPart {
  readonly path: string;
  readonly size: number;
  readonly etag?: string;
  readonly file?: { readonly mtimeNs: string; readonly inode: string };
  readonly digest?: string;
}

export interface Judged {
  readonly wrong: readonly string[];
  readonly records: readonly Recorded[];
  /** Records that vouch for what lies there now: their logs name no other, and nobody has begun since. */
  readonly standing: readonly (Recorded & { readonly marked: boolean })[];
}

export interface Strictness {
  /** Where a call may fail an old marker of the producer's may have to stay: then it proves nothing, and may be met. */
  readonly mayStay?: boolean;
}

export function judge(
  { logs, objects, places, lines, overwritten }: Evidence,
  shape: Shape,
  { mayStay = false }: Strictness = {},
): Judged {
  const told = [...logs].map(([id, slots]) => ({ id, slots, ...read(id, slots) }));
  const wrong = [...told.flatMap((log) => log.wrong), ...overwritten.map((name) => `${name} was written twice`)];
  for (const [name, { intact }] of objects) if (!intact) wrong.push(`object ${name} does not hold what its name says`);
  const keys = told.filter(({ id }) => id.includes('/keys/'));
  const placeLogs = told.filter(({ id }) => id.includes('/places/'));
  const all = keys.flatMap(({ slots, tombstoned }) =>
    recordsIn(slots).map((record) => ({ record, alive: !tombstoned.has(record.attempt) })),
  );
  const records = all.map(({ record }) => record);
  const ended = new Set(lines.filter((line) => line.startsWith('end ')).map((line) => line.split(' ')[2]!));
  const ours = shape.made.every(({ marker }) => marker?.holds !== 'nothing');
  for (const line of ours || !mayStay ? lines : [])
    if (line.startsWith('begin ') && line.endsWith(' finished'))
      wrong.push(`a command found a finished marker at its place: ${line}`);
  for (const record of records) {
    const name = `the record of ${record.step} by ${record.run}`;
    if (![...ended].some((nonce) => nonce.startsWith(`${record.run}.`)))
      wrong.push(`${name} stands, and its command never ended well`);
    const said = placeLogs.filter(({ slots }) => commitsIn(slots).some((one) => names(one, record)));
    if (said.length < record.outputs.length)
      wrong.push(`${name} stands, and ${said.length} of its ${record.outputs.length} places know of it`);
    for (const { name: output, parts } of record.outputs)
      if (!partsOf(parts, objects)) wrong.push(`${name}: the parts list of ${output} is not there`);
  }
  for (const made of shape.made) {
    const marker = made.marker && places.get(made.path)?.get(made.marker.name);
    const says = marker && made.marker?.holds !== 'nothing' ? sayingOf(marker.text) : undefined;
    if (!says || says.state === 'running') continue;
    if (says.key === undefined) wrong.push(`the marker of ${made.path} is torn: ${marker!.text.slice(0, 60)}`);
    else if (!records.some(({ key, attempt }) => key === says.key && attempt === (says.attempt ?? attempt)))
      wrong.push(`the marker of ${made.path} says that it is complete, and no record does`);
  }
  const standing = all
    .filter(
      ({ record, alive }) => alive && placeLogs.filter((log) => lastOf(log, record)).length === record.outputs.length,
    )
    .map(({ record }) => record);
  for (const record of standing) wrong.push(...differences(record, shape, { objects, places, ended }));
  return {
    wrong,
    records,
    standing: standing.map((record) => ({ ...record, marked: isMarked(record, shape, places) })),
  };
}

function lastOf({ last, slots }: Told & { readonly slots: ReadonlyMap<number, string> }, record: Recorded): boolean {
  if (last !== record.attempt) return false;
  const newest = parsed(slots.get(Math.max(...slots.keys())));
  return newest?.state.last.key === record.key;
}

function isMarked(record: Recorded, shape: Shape, places: Evidence['places']): boolean {
  return shape.made
    .filter(({ step, marker }) => step === record.step && marker !== undefined)
    .every(({ path, marker }) => {
      const found = places.get(path)?.get(marker!.name);
      if (!found || marker!.holds === 'nothing') return found !== undefined;
      const says = sayingOf(found.text);
      return (
        says.state === 'complete' && says.key === record.key && (says.attempt ?? record.attempt) === record.attempt
      );
    });
}

/** What the shape must have left and the record must have said, against what is there. */
function differences(
  record: Recorded,
  shape: Shape,
  { objects, places, ended }: Pick<Evidence, 'objects' | 'places'> & { readonly ended: ReadonlySet<string> },
): string[] {
  const wrong: string[] = [];
  const nonces = new Set<string>();
  for (const { output, path, parts: wanted, marker } of shape.made.filter(({ step }) => step === record.step)) {
    const say = (what: string) => wrong.push(`${record.step} by ${record.run} stands, and ${path} ${what}`);
    const stored = record.outputs.find(({ name }) => name === output);
    const parts = stored && partsOf(stored.parts, objects);
    if (!parts) {
      say('is not in its record');
      continue;
    }
    const lying = new Map(
      [...(places.get(path) ?? [])].filter(([name]) => name !== marker?.name && name !== '_stepaside.json'),
    );
    for (const part of parts) {
      const is = lying.get(part.path);
      if (!is) say(`lacks ${part.path}`);
      else if (is.size !== part.size || !sameTag(part, is)) say(`has another ${part.path}`);
      else nonces.add(is.text.split(' ', 1)[0]!);
      lying.delete(part.path);
    }
    for (const name of lying.keys()) say(`has ${name} in addition`);
    const expected = wanted === 'fresh' ? [...nonces].flatMap(freshNames) : wanted;
    if (parts.length !== expected.length || !expected.every((name) => parts.some((part) => part.path === name)))
      say(`is recorded as ${parts.map((part) => part.path).join(' ')}`);
  }
  if (nonces.size !== 1 || ![...nonces].every((nonce) => ended.has(nonce) && nonce.startsWith(`${record.run}.`)))
    wrong.push(`${record.step} by ${record.run} stands on what was written by ${[...nonces].join(' ')}`);
  return wrong;
}

export function freshNames(nonce: string): readonly string[] {
  return [1, 2, 3].map((at) => `${nonce}-${at}`);
}

function sameTag(part: RecordedPart, is: Lying): boolean {
  if (part.etag !== undefined) return part.etag.replaceAll('"', '') === is.etag;
  if (part.digest !== undefined && part.digest !== is.digest) return false;
  return part.file?.mtimeNs === is.mtimeNs && part.file?.inode === is.inode;
}

function partsOf(stored: Stored, objects: Evidence['objects']): readonly RecordedPart[] | undefined {
  if ('here' in stored) return stored.here;
  const found = objects.get(stored.digest);
  return found?.intact ? (JSON.parse(found.text) as readonly RecordedPart[]) : undefined;
}

/** A key alone, or our JSON. */
function sayingOf(text: string): { readonly state?: string; readonly key?: string; readonly attempt?: number } {
  if (/^blake3-[0-9a-f]{64}\n?$/.test(text)) return { state: 'complete', key: text.trim() };
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
}

interface Commit {
  readonly kind: string;
  readonly key: string;
  readonly attempt: number;
  readonly of?: number;
  readonly record?: Recorded;
}

interface Slot {
  readonly entry: Commit;
  readonly state: { readonly last: { readonly key?: string } };
}

function names(commit: Commit, { key, attempt }: Recorded): boolean {
  return commit.key === key && commit.of === attempt;
}

function commitsIn(slots: ReadonlyMap<number, string>): readonly Commit[] {
  return [...slots.values()].flatMap((text) => {
    const entry = parsed(text)?.entry;
    return entry?.kind === 'commit' ? [entry] : [];
  });
}

function recordsIn(slots: ReadonlyMap<number, string>): readonly Recorded[] {
  return commitsIn(slots).flatMap(({ record }) => record ?? []);
}

function parsed(text: string | undefined): Slot | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text.split('\n', 1)[0]!) as Slot);
  } catch {
    return undefined;
  }
}

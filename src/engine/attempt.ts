import type { WorkKey } from '../core/brand.js';
import { isStoreError } from '../core/error.js';
import { formatLocation } from '../core/location.js';
import type { Part } from '../core/parts.js';
import type { NotRecorded } from '../core/reason.js';
import { askOutput, askPath } from '../look/ask.js';
import { keyOf } from '../look/key-of.js';
import { commit, type Recorded } from './commit.js';
import type { Asked, Engine, Executed } from './engine.js';
import type { Lease } from './lease.js';
import { type Claim, claim, empty, isContested, type OwnOutput, ownOutputs, partsAt, removeOld } from './places.js';
import { type Made, recordOf } from './record.js';
import type { Seen, Subject } from './situation.js';

export type Attempted =
  | {
      readonly ok: true;
      readonly durationMs: number;
      readonly recorded: Recorded | NotRecorded;
      readonly value?: string;
    }
  | {
      readonly ok: false;
      readonly durationMs: number;
      readonly exitCode: number;
      readonly why: string;
      readonly log?: string;
    };

const RETRY_BASE_MS = 1000;
const RETRY_CAP_MS = 60_000;

/**
 * One run under its leases, from the first claim to the last look. Whatever goes wrong after the command ended well costs
 * the record, never the step.
 */
export async function attempt(
  engine: Engine,
  subject: Subject,
  seen: Seen,
  asked: Asked,
  lease: Lease | undefined,
): Promise<Attempted> {
  const { instance, workflow } = subject;
  const { step, resolved } = instance;
  const warn = (warning: string) => engine.events({ type: 'step-warned', step: instance.name, warning });
  const owns = ownOutputs(resolved.outputs);
  const number =
    lease &&
    (seen.keyRead ? lease.attemptOf(seen.keyRead.log) : lease.attemptOf([...seen.placeReads.values()][0]!.log));
  const mine: Claim = { key: seen.key ?? 'none', attempt: number ?? 0 };
  const begun = engine.monotonic();
  const startedAt = engine.cache.now();

  const stuck = new Set<string>();
  for (const own of owns) {
    if (own.output.mode === 'replace') await empty(engine, own);
    else if (__SABOTAGE__ === 'claim-unwritten' && own.marker?.by === 'stepaside') continue;
    else if (own.marker?.by === 'stepaside') await claim(engine, own.marker.location, mine);
    else if (__SABOTAGE__ === 'old-marker-kept') continue;
    else if (own.marker && !(await removeOld(engine, own.marker.location))) {
      stuck.add(own.output.name);
      warn(`the old marker ${formatLocation(own.marker.location)} cannot be removed: it proves nothing from now on`);
    }
  }

  let before = await listAll(engine, subject, owns, mine.key);
  for (const { output } of owns) {
    const count = before.get(output.name)?.length ?? 0;
    if (count > 0 && output.mode === undefined)
      warn(
        `${output.path} holds ${count} part${count === 1 ? '' : 's'} already: what this run leaves as it is makes it unrecorded. Say mode: replace (emptied first) or mode: merge (they belong to it)`,
      );
  }

  let ended: Executed;
  let tries = 0;
  for (;;) {
    tries += 1;
    engine.events({ type: 'step-begun', step: instance.name, attempt: mine.attempt, try: tries });
    ended = await engine.execute({
      workflow,
      instance,
      what: 'run',
      key: seen.key,
      run: asked.run,
      signal: asked.signal,
    });
    if (ended.exitCode === 0 || tries > step.retries || asked.signal?.aborted) break;
    const pause = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (tries - 1));
    warn(
      `try ${tries} ended with ${ended.why ?? `exit code ${ended.exitCode}`}; again in ${Math.round(pause / 1000)} s`,
    );
    await engine.sleep(pause, asked.signal);
    if (asked.signal?.aborted) break;
    before = await listAll(engine, subject, owns, mine.key);
  }
  const durationMs = Math.round(engine.monotonic() - begun);
  if (ended.exitCode !== 0 && __SABOTAGE__ !== 'failure-recorded') {
    const why = ended.why ?? `it ended with exit code ${ended.exitCode}`;
    return {
      ok: false,
      durationMs,
      exitCode: ended.exitCode,
      why,
      ...(ended.log === undefined ? {} : { log: ended.log }),
    };
  }
  const done = { ok: true, durationMs, ...(ended.value === undefined ? {} : { value: ended.value }) } as const;
  try {
    const made = await examine(engine, subject, { owns, before, mine, stuck, key: seen.key, asked, warn });
    if ('not' in made) return { ...done, recorded: made };
    if (asked.writeOff) return { ...done, recorded: { not: 'writing-off', fact: 'nothing is recorded in this run' } };
    if (!seen.key || !seen.keyRead || !lease) {
      const state = seen.keyed.key;
      return {
        ...done,
        recorded: { not: 'not-keyed', fact: state.state === 'not-cached' ? state.why : 'it ran without its key' },
      };
    }
    const facts = { startedAt, durationMs, tries, ...(ended.value === undefined ? {} : { value: ended.value }) };
    const record = await recordOf(
      engine,
      subject,
      { ...seen, key: seen.key },
      { ...facts, attempt: mine.attempt, run: asked.run, made },
    );
    return {
      ...done,
      recorded: await commit(engine, subject, { ...seen, keyRead: seen.keyRead }, { lease, record, made, mine }),
    };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return { ...done, recorded: { not: 'cache-failed', fact: error.message } };
  }
}

type Listed = ReadonlyMap<string, readonly Part[] | undefined>;

async function listAll(engine: Engine, subject: Subject, owns: readonly OwnOutput[], key: string): Promise<Listed> {
  const lists = await Promise.all(owns.map(({ output }) => partsAt(engine, subject, output, key)));
  return new Map(owns.map(({ output }, index) => [output.name, lists[index]]));
}

interface Examined {
  readonly owns: readonly OwnOutput[];
  readonly before: Listed;
  readonly mine: Claim;
  /** Producers' markers that could not be removed before. */
  readonly stuck: ReadonlySet<string>;
  readonly key: WorkKey | undefined;
  readonly asked: Asked;
  readonly warn: (warning: string) => void;
}

/** Exit 0 is no proof. What must hold of the outputs, the inputs and the claim before any of it is recorded? */
async function examine(engine: Engine, subject: Subject, about: Examined): Promise<readonly Made[] | NotRecorded> {
  const { workflow, instance } = subject;
  const made: Made[] = [];
  for (const own of about.owns) {
    const one = await examineOutput(engine, subject, own, about);
    if ('not' in one) return one;
    made.push(one);
  }
  for (const output of instance.resolved.outputs.filter(({ probe }) => probe !== undefined)) {
    const { sighting } = await askOutput(engine.places, output, {
      policy: workflow.policies[instance.step.policy]!,
      folder: workflow.folder,
    });
    if (sighting.state !== 'present')
      return {
        not: sighting.state === 'absent' ? 'output-missing' : 'output-unknown',
        fact: `${output.name}: ${sighting.why}`,
      };
  }
  if (instance.resolved.validate !== undefined) {
    const { asked } = about;
    const { exitCode } = await engine.execute({
      workflow,
      instance,
      what: 'validate',
      key: about.key,
      run: asked.run,
      signal: asked.signal,
    });
    if (exitCode !== 0) return { not: 'validate-failed', fact: `validate ended with exit code ${exitCode}` };
  }
  const { upstream } = subject;
  const identities = __SABOTAGE__ === 'upstream-not-again' ? undefined : await subject.identitiesNow?.();
  const again = await keyOf(workflow, instance, {
    places: engine.places,
    hash: engine.cache.hash,
    secret: engine.secret,
    upstream: upstream && identities ? { ...upstream, identities } : upstream,
  });
  if (
    __SABOTAGE__ !== 'inputs-not-again' &&
    about.key !== undefined &&
    (again.key.state !== 'known' || again.key.key !== about.key)
  )
    return {
      not: 'inputs-changed',
      fact: again.key.state === 'known' ? 'its key is another one now' : `its key is ${again.key.state} now`,
    };
  return made;
}

async function examineOutput(
  engine: Engine,
  subject: Subject,
  own: OwnOutput,
  { before, mine, stuck, warn }: Examined,
): Promise<Made | NotRecorded> {
  const { workflow, instance } = subject;
  const { output, marker } = own;
  const policy = workflow.policies[instance.step.policy]!;
  const parts = await partsAt(engine, subject, output, mine.key);
  const was = before.get(output.name);
  if (!parts || !was) return { not: 'output-unknown', fact: `${output.path}: its parts cannot be listed` };
  if (output.mode !== 'merge' && __SABOTAGE__ !== 'carried-recorded') {
    const carried = parts.find((part) => was.some((old) => isSame(old, part)));
    if (carried)
      return {
        not: 'leftovers',
        fact: `${carried.path === '' ? output.path : carried.path} is as it was before the run`,
      };
  }
  // The run ended well and the leases are ours: all that is there is all there is. What must still hold is what was declared.
  const { marker: _, match: __, content: ___, ...bare } = output;
  const { sighting } = await askOutput(engine.places, { ...bare, atomic: true }, { policy, folder: workflow.folder });
  if (sighting.state === 'unknown') return { not: 'output-unknown', fact: `${output.path}: ${sighting.why}` };
  if (sighting.state === 'absent') return { not: 'output-missing', fact: `${output.path}: ${sighting.why}` };
  if (sighting.state !== 'present')
    return { not: 'output-unproven', fact: `${output.path} is ${sighting.state}: ${sighting.why}` };
  if (!marker) return { own, parts, markerSeen: false };
  if (marker.by === 'stepaside') {
    const contested = output.mode !== 'replace' && (await isContested(engine, marker.location, mine));
    return contested
      ? { not: 'place-contested', fact: formatLocation(marker.location) }
      : { own, parts, markerSeen: true };
  }
  const said = await askPath(engine.places, formatLocation(marker.location), {});
  const markerSeen = said.state === 'present' && !stuck.has(output.name);
  if (!markerSeen)
    warn(`the producer left no marker ${formatLocation(marker.location)} of its own: the parts list is the proof`);
  return { own, parts, markerSeen };
}

/** Size, tag and time: a part that a run wrote again differs in at least one of them. */
function isSame(a: Part, b: Part): boolean {
  return (
    a.path === b.path &&
    a.size === b.size &&
    a.etag === b.etag &&
    a.modifiedAt === b.modifiedAt &&
    a.file?.mtimeNs === b.file?.mtimeNs &&
    a.file?.ctimeNs === b.file?.ctimeNs &&
    a.file?.inode === b.file?.inode
  );
}

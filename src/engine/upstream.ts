import type { Digest } from '../core/brand.js';
import { isStoreError } from '../core/error.js';
import { parseLocation } from '../core/location.js';
import { contentIdentity } from '../core/parts.js';
import type { Output, Workflow } from '../core/step.js';
import { hashParts } from '../look/inputs.js';
import type { Upstream } from '../look/key-of.js';
import { keyLog, placeLog } from './cache.js';
import type { Engine } from './engine.js';
import type { Outcome } from './events.js';
import type { Node } from './graph.js';
import { partsAt } from './places.js';
import { identitiesOf, identityOf } from './record.js';
import { idOf, type Seen, type Subject } from './situation.js';
import { recordUsed } from './work.js';

const ABSENT = 'absent' as Digest;

/** What consumers read as upstream: the record's identities where a record speaks, else what lies there now. */
export async function identitiesAfter(
  engine: Engine,
  subject: Subject,
  seen: Seen,
  outcome: Outcome,
): Promise<Readonly<Record<string, Digest>>> {
  const recorded =
    outcome.status === 'ran'
      ? 'attempt' in outcome.recorded
        ? outcome.recorded.identities
        : {}
      : outcome.status === 'avoided' && ['parts-match', 'digest-matches', 'not-needed'].includes(outcome.verdict.reason)
        ? identitiesOf(recordUsed(seen)!)
        : outcome.status === 'avoided' && outcome.verdict.restore
          ? (outcome.identities ??
            identitiesOf(seen.stored.find(({ attempt }) => attempt === outcome.verdict.restore!.attempt)!))
          : {};
  const identities: Record<string, Digest> = {};
  for (const output of subject.instance.resolved.outputs) {
    if (output.path === undefined) continue;
    identities[output.name] = recorded[output.name] ?? (await identityAt(engine, subject, output));
  }
  return identities;
}

async function identityAt(engine: Engine, subject: Subject, output: Output): Promise<Digest> {
  const parts = await partsAt(engine, subject, output, 'none');
  if (parts?.length === 0) return ABSENT;
  // Nobody can say what it is: it is like nothing before, so whoever reads it runs.
  const unlike = () => `unknown-${engine.self.beat}-${engine.monotonic()}` as Digest;
  if (!parts) return unlike();
  try {
    const place = engine.places.at(parseLocation(output.path ?? ''));
    const tagged = await hashParts(place, parts, engine.cache.hash, ({ etag }) => etag === undefined);
    const identity = contentIdentity(tagged, engine.cache.hash);
    if (identity === undefined) return unlike();
    // Awaited here: a log that cannot be read is a doubt like any other.
    return place.store.traits.kind === 's3' ? await recordedAs(engine, output, identity) : identity;
  } catch (error) {
    if (isStoreError(error)) return unlike();
    throw error;
  }
}

/** One identity, whoever asks: parts that are those of the record that the place's log names are known as it knows them. */
async function recordedAs(engine: Engine, output: Output, identity: Digest): Promise<Digest> {
  const { last } = await placeLog(engine.cache, idOf(engine, output)).read();
  if (last.state !== 'committed') return identity;
  const log = keyLog(engine.cache, last.key);
  const { records } = await log.read();
  const entry = records.find(({ attempt }) => attempt === last.attempt);
  // By name: one that was put back at another place is recorded where it was made.
  const stored = entry && (await log.record(entry))?.outputs.find(({ name }) => name === output.name);
  return stored?.identity === identity ? (identityOf(stored) ?? identity) : identity;
}

/** What a step would read if nothing ran any more: what lies there now. */
export async function upstreamHere(engine: Engine, workflow: Workflow, { consumes }: Node): Promise<Upstream> {
  const identities = new Map<string, Digest>();
  for (const { instance } of consumes)
    for (const output of instance.resolved.outputs)
      if (output.path !== undefined)
        identities.set(`${instance.name}.${output.name}`, await identityAt(engine, { workflow, instance }, output));
  return { ended: new Set(workflow.steps.map(({ name }) => name)), identities };
}

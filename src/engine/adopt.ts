import { isStoreError } from '../core/error.js';
import type { NotRecorded } from '../core/reason.js';
import { commit, type Recorded } from './commit.js';
import type { Asked, Engine } from './engine.js';
import { Lease } from './lease.js';
import { ownOutputs } from './places.js';
import { type Made, recordOf } from './record.js';
import { lookAround, type Seen, type Subject } from './situation.js';

export type Adopted =
  | { readonly adopted: true; readonly dryRun: boolean; readonly recorded?: Recorded }
  | { readonly adopted: false; readonly why: string };

/** Records what lies at a step's outputs as its own: only what its own marker, or its author's word, proves complete. */
export async function adopt(
  engine: Engine,
  subject: Subject,
  asked: Asked,
  { dryRun }: { readonly dryRun: boolean },
): Promise<Adopted> {
  const seen = await lookAround(engine, subject, { ...asked, force: true });
  const refused = whyNot(seen);
  if (refused !== undefined) return { adopted: false, why: refused };
  if (dryRun) return { adopted: true, dryRun };
  const { keyRead, key } = seen;
  if (!keyRead || !key) return { adopted: false, why: 'its key is not known' };
  await engine.heart.start();
  const lease = await Lease.take([keyRead, ...seen.placeReads.values()], engine.self);
  if (!lease) return { adopted: false, why: 'somebody else began to work on it just now' };
  let recorded: Recorded | NotRecorded | undefined;
  try {
    const attempt = lease.attemptOf(keyRead.log);
    const made: Made[] = ownOutputs(subject.instance.resolved.outputs).map((own) => {
      const output = seen.outputs.find(({ name }) => name === own.output.name)!;
      return {
        own,
        parts: output.parts ?? [],
        markerSeen: own.marker !== undefined && output.sighting.state === 'present',
      };
    });
    const facts = {
      attempt,
      run: asked.run,
      startedAt: engine.cache.now(),
      durationMs: 0,
      tries: 0,
      made,
      adopted: true,
    };
    const record = await recordOf(engine, subject, { key, keyed: seen.keyed }, facts);
    recorded = await commit(engine, subject, { ...seen, keyRead }, { lease, record, made, mine: { key, attempt } });
  } finally {
    await lease.release({ untouched: recorded === undefined }).catch((error: unknown) => {
      if (!isStoreError(error)) throw error;
    });
  }
  return 'attempt' in recorded
    ? { adopted: true, dryRun, recorded }
    : { adopted: false, why: `${recorded.not}: ${recorded.fact}` };
}

function whyNot({ keyed, outputs, records, heldBy }: Seen): string | undefined {
  const { key } = keyed;
  if (key.state === 'input-missing') return `an input matches nothing: ${key.what}`;
  if (key.state === 'pending') return `it reads what ${key.on.join(', ')} will make: adopt that first`;
  if (key.state !== 'known') return key.state === 'unknown' ? key.doubt.message : key.why;
  if ('doubt' in records) return `the cache cannot be read: ${records.doubt.message}`;
  if (heldBy) return `${heldBy.what} is under way`;
  if (outputs.length === 0) return 'it declares no outputs';
  const short = outputs.find(({ sighting }) => sighting.state !== 'present');
  return short && `${short.sighting.uri} is ${short.sighting.state}: ${short.sighting.why}`;
}

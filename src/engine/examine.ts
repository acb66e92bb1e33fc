import { formatLocation } from '../core/location.js';
import { isSameVersion, type Part } from '../core/parts.js';
import type { NotRecorded } from '../core/reason.js';
import { askOutput, askPath } from '../look/ask.js';
import { keyOf } from '../look/key-of.js';
import type { Asked, Engine } from './engine.js';
import { isContested, type OwnOutput, partsAt } from './places.js';
import type { Made } from './record.js';
import type { Subject } from './situation.js';
import type { Tried, Trying } from './tries.js';

interface Examined extends Pick<Trying, 'owns' | 'mine' | 'key' | 'warn'>, Pick<Tried, 'before' | 'stuck'> {
  readonly asked: Asked;
}

/** Exit 0 is no proof. What must hold of the outputs, the inputs and the claim before any of it is recorded? */
export async function examine(
  engine: Engine,
  subject: Subject,
  about: Examined,
): Promise<readonly Made[] | NotRecorded> {
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
    known: engine.known,
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
    const carried = parts.find((part) => was.some((old) => isCarried(old, part)));
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
function isCarried(old: Part, part: Part): boolean {
  return old.path === part.path && old.modifiedAt === part.modifiedAt && isSameVersion(old, part);
}

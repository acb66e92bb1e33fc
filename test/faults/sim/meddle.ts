import { type Disk, text } from './faulty-store.js';
import type { Planned } from './plans.js';
import type { World } from './world.js';

/** Somebody who knows nothing of us changes, deletes or adds what lies there. */
export function meddle(world: World, disk: Disk, plans: readonly Planned[], among?: readonly string[]): void {
  const works = plans.flatMap(({ works }) => [...works.values()]);
  const made = works.filter(({ places }) => places.some(({ at }) => among?.includes(at)));
  const work = world.pick(made.length > 0 ? made : works);
  const nonce = `foreign-${world.trace.length}`;
  if (work.reads.some((place) => place.startsWith('in/')) && world.chance(0.5)) {
    world.inject('input changed');
    disk.put(`${work.reads[0]}x`, text(nonce), 'foreign');
    return;
  }
  const place = world.pick(work.places);
  const isTree = place.at.endsWith('/');
  const parts = isTree ? disk.below(place.at).filter((key) => /part-|extra/.test(key)) : [place.at];
  const part = parts.length > 0 ? world.pick(parts) : undefined;
  const dice = world.random();
  if (dice < 0.35 && isTree) {
    world.inject('part added');
    disk.put(`${place.at}extra-${world.below(2)}`, text(nonce), 'foreign');
  } else if (dice < 0.7 && part !== undefined && disk.items.has(part)) {
    world.inject('part changed');
    disk.put(part, text(nonce), 'foreign');
  } else if (part !== undefined && disk.items.has(part)) {
    world.inject('part removed');
    disk.remove(part, 'foreign');
  } else if (place.marker && place.marker.by === 'producer') {
    world.inject('marker added');
    disk.put(place.marker.at, new Uint8Array(), 'foreign');
  }
}

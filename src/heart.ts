/** The thread that beats. Its own event loop, its own connections: whatever the steps do, others see that we live. */
import { workerData } from 'node:worker_threads';
import { beatOnce } from './engine/beat.js';
import type { EngineSettings } from './open-engine.js';
import { openCache, openPlaces } from './preset.js';

interface Data {
  readonly cache: string;
  readonly surroundings: EngineSettings['surroundings'];
  readonly interval: number;
  readonly beat: string;
}

const { cache: uri, surroundings, interval, beat } = workerData as Data;
const { cache } = openCache(uri, openPlaces(surroundings), surroundings);
let [count, busy] = [0, false];

setInterval(() => {
  if (busy) return;
  busy = true;
  count += 1;
  // A beat that is missed is a beat: the next one tells as much.
  beatOnce(cache, beat, count)
    .catch(() => undefined)
    .finally(() => {
      busy = false;
    });
}, interval);

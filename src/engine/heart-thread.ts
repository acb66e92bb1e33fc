import { Worker } from 'node:worker_threads';
import { beatOnce, type Heart } from './beat.js';
import { beatKey, type Cache } from './cache.js';

/**
 * Beats from a thread with an event loop and connections of its own: a step that keeps ours busy for minutes, or a
 * thousand requests before its own, must not look like death.
 */
export function heartThread(
  cache: Cache,
  { beat, script, workerData }: { readonly beat: string; readonly script: URL; readonly workerData: object },
): Heart {
  let worker: Worker | undefined;
  let starting: Promise<void> | undefined;
  return {
    start() {
      starting ??= (async () => {
        // The first beat is ours: whoever sees our slot must find it.
        await beatOnce(cache, beat, 0);
        worker = new Worker(script, { workerData: { ...workerData, beat } });
        worker.unref();
        // A heart that cannot beat costs a takeover, not the step: the commit is the fence.
        worker.on('error', () => undefined);
      })();
      return starting;
    },
    async stop() {
      if (!starting) return;
      await starting.catch(() => undefined);
      await worker?.terminate();
      await cache.store.remove(beatKey(beat)).catch(() => undefined);
    },
  };
}

import { beatKey, type Cache } from './cache.js';

/** Shows others that a holder lives. Begun before the first lease, ended after the last. */
export interface Heart {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export const HEARTBEAT_MS = 5000;

/** Writes the object that only this holder writes; what changes is the count. */
export async function beatOnce(cache: Pick<Cache, 'store'>, beat: string, count: number): Promise<void> {
  await cache.store.write(beatKey(beat), new TextEncoder().encode(`{"v":1,"beat":"${beat}","count":${count}}\n`));
}

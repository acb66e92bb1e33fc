import { StoreError } from '../../../src/core/error.js';
import type { Found, Head, ListOptions, Store, StoreTraits, Written } from '../../../src/store/store.js';
import type { Process, World } from './world.js';

interface Item {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly at: number;
  readonly born: number;
  readonly inode: number;
}

/** How bad it is; zero of everything once the faults are over. */
export interface Weather {
  /** Answers lost after the request was carried out. */
  lost: number;
  /** 5xx: carried out or not, nobody says. */
  refused: number;
  conflict: number;
  /** A copy of a request sent by somebody in between: its answer is the one that comes back. */
  doubled: number;
  slow: number;
  slowMs: number;
  stale: number;
}

export const CLEAR: Weather = { lost: 0, refused: 0, conflict: 0, doubled: 0, slow: 0, slowMs: 0, stale: 0 };

/** The bytes that all processes see. */
export class Disk {
  readonly items = new Map<string, Item>();
  /** What was removed: a listing that lags behind shows it still. */
  readonly ghosts = new Map<string, { readonly item: Item; readonly gone: number }>();
  readonly world: World;
  weather: Weather = CLEAR;
  asks = 0;
  #inodes = 0;

  constructor(world: World) {
    this.world = world;
  }

  put(key: string, bytes: Uint8Array, by: string, asked?: number): string {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    const old = this.items.get(key);
    const etag = tagOf(text);
    const { now } = this.world;
    this.items.set(key, { bytes: bytes.slice(), etag, at: now, born: old?.born ?? now, inode: ++this.#inodes });
    this.world.note({ kind: 'change', key, text, by, ...(asked !== undefined && { asked }) });
    return etag;
  }

  remove(key: string, by: string): void {
    const item = this.items.get(key);
    if (!item) return;
    this.items.delete(key);
    this.ghosts.set(key, { item, gone: this.world.now });
    this.world.note({ kind: 'change', key, text: undefined, by });
  }

  below(prefix: string): string[] {
    const keys: string[] = [];
    for (const key of this.items.keys()) if (key.startsWith(prefix)) keys.push(key);
    return keys.sort();
  }

  /** Keys that are there no more and were less than `lag` ago. */
  ghostsBelow(prefix: string, lag: number): string[] {
    return [...this.ghosts].flatMap(([key, { gone }]) =>
      key.startsWith(prefix) && !this.items.has(key) && this.world.now - gone < lag ? [key] : [],
    );
  }

  /** Sorted `path=text` of what lies there: what a command sees. */
  contents(place: string, without: (key: string) => boolean): string {
    const keys = place.endsWith('/') ? this.below(place) : this.items.has(place) ? [place] : [];
    return keys
      .filter((key) => !without(key))
      .map((key) => `${key.slice(place.length)}=${Buffer.from(this.items.get(key)!.bytes).toString()}`)
      .join('\n');
  }
}

function tagOf(text: string): string {
  let [a, b] = [0x811c9dc5, 0x1234567];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b) + i;
  }
  return `${(a >>> 0).toString(16)}${(b >>> 0).toString(16)}`;
}

export interface Driving {
  readonly disk: Disk;
  readonly process: Process;
  readonly kind: 's3' | 'file';
  /** False: a listing of the cache may lag behind, and the store says so. */
  readonly strongList: boolean;
  readonly remote: boolean;
}

/** One process's way to the disk: each call is carried out at one moment and answered at a later one, unless it is not. */
export function faultyStore({ disk, process, kind, strongList, remote }: Driving): Store {
  const { world } = disk;
  const name = kind === 's3' ? 's3://lake' : 'pvc://lake';
  const by = `process:${process.id}`;
  const traits: StoreTraits = {
    kind,
    maxValueBytes: 2 ** 30,
    exclusiveCreate: 'yes',
    strongList,
    orderedList: true,
    remote,
  };

  /** Never answered where the process dies: nobody is left who could hear it. */
  function call<T>(
    verb: string,
    key: string,
    changes: 'no' | 'yes' | 'once',
    carryOut: () => T,
    { heard, signal }: { readonly heard?: () => void; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    process.calls += 1;
    if (changes !== 'no') process.writes += 1;
    if (process.calls >= process.crashAtCall || (changes !== 'no' && process.writes >= process.crashAtWrite)) {
      world.inject('crash');
      if (changes !== 'no' && world.chance(0.5)) world.in(latency(), carryOut);
      process.crash();
      return new Promise(() => undefined);
    }
    if (changes !== 'no' && process.writes === process.pauseAtWrite) {
      world.inject('pause');
      process.pausedUntil = world.now + process.pauseMs;
    }
    const { weather } = disk;
    const fail = (code: 'store/unavailable' | 'store/conflict', status: number | string, unclear: boolean) =>
      new StoreError(code, `${name}: ${verb} ${key}: ${status}`, {
        store: name,
        key,
        status,
        retryable: true,
        ...(unclear && changes !== 'no' && { unclear }),
      });
    return new Promise((resolve, reject) => {
      const dice = world.random();
      const slow = weather.slow > 0 && world.chance(weather.slow);
      if (slow) world.inject('slow');
      const late = slow ? world.random() * weather.slowMs : 0;
      // What is late may be the request or its answer.
      const there = latency() + (slow && world.chance(0.5) ? late : 0);
      const back = latency() + (slow ? late : 0);
      const answer = (act: () => void) => world.in(back, act, process);
      const deny = (error: StoreError) => {
        // Who does not listen any more was told nothing.
        if ((verb === 'list' || verb === 'head') && !signal?.aborted)
          world.note({ kind: 'denied', by: process.id, prefix: key });
        reject(error);
      };
      let edge = weather.lost;
      if (dice < edge)
        return void world.in(there, () => {
          world.inject('lost answer');
          carryOut();
          answer(() => deny(fail('store/unavailable', 'ECONNRESET', true)));
        });
      edge += weather.refused;
      if (dice < edge)
        return void world.in(there, () => {
          world.inject('5xx');
          if (changes !== 'no' && world.chance(0.3)) carryOut();
          answer(() => deny(fail('store/unavailable', 503, true)));
        });
      edge += weather.conflict;
      if (dice < edge && changes === 'once')
        return void world.in(there, () => {
          world.inject('409');
          if (world.chance(0.3)) carryOut();
          answer(() => deny(fail('store/conflict', 409, false)));
        });
      edge += weather.doubled;
      if (dice < edge && changes === 'once')
        return void world.in(there, () => {
          world.inject('doubled');
          carryOut();
          world.in(latency(), () => {
            const second = carryOut();
            answer(() => resolve(second));
          });
        });
      world.in(there, () => {
        const answered = carryOut();
        answer(() => {
          heard?.();
          resolve(answered);
        });
      });
    });
  }

  /** An answer to which nobody listens any more has told nobody anything. */
  function asking(prefix: string, signal: AbortSignal | undefined) {
    const ask = ++disk.asks;
    return {
      show: () => world.note({ kind: 'shown', ask, by: process.id, prefix }),
      heard: () => {
        if (!signal?.aborted) world.note({ kind: 'heard', ask });
      },
    };
  }

  function latency(): number {
    return remote ? 1 + world.random() * 40 : world.random() * 5;
  }

  function headOf(key: string, item = disk.items.get(key)): Head | undefined {
    if (!item) return undefined;
    const modifiedAt = Math.round(item.at);
    const base = { key, size: item.bytes.byteLength, modifiedAt };
    if (kind === 's3') return { ...base, etag: item.etag };
    const ns = String(Math.round(item.at * 1e6));
    return { ...base, file: { mtimeNs: ns, ctimeNs: ns, inode: String(item.inode) } };
  }

  return {
    name,
    traits,
    abilities: {},
    head(key, options) {
      const { show, heard } = asking(key, options?.signal);
      return call(
        'head',
        key,
        'no',
        () => {
          show();
          return headOf(key);
        },
        { heard, signal: options?.signal },
      );
    },
    read: (key, options = {}) =>
      call('read', key, 'no', (): Found | undefined => {
        world.note({ kind: 'read', by: process.id, key });
        const head = headOf(key);
        if (!head) return undefined;
        const { offset = 0, length = head.size } = options;
        return { head, body: once(disk.items.get(key)!.bytes.slice(offset, offset + length)) };
      }),
    async *list(prefix, { after, signal }: ListOptions = {}) {
      const { show, heard } = asking(prefix, signal);
      const look = () => {
        show();
        const { stale } = disk.weather;
        const lag = !strongList && stale > 0 && world.chance(stale) ? world.random() * 3000 : 0;
        const keys = disk
          .below(prefix)
          .filter((key) => lag === 0 || world.now - disk.items.get(key)!.born > lag || !key.includes('/v1/'));
        const ghosts = lag === 0 ? [] : disk.ghostsBelow(prefix, lag);
        if (lag > 0) world.inject('stale list');
        if (ghosts.length > 0) world.inject('ghost listed');
        return [...keys, ...ghosts]
          .sort()
          .filter((key) => after === undefined || key > after)
          .map((key) => headOf(key, disk.items.get(key) ?? disk.ghosts.get(key)!.item)!);
      };
      const heads = await call('list', prefix, 'no', look, { heard, signal });
      yield* heads;
    },
    write: (key, body, options) => {
      const asked = world.trace.length;
      return call('write', key, options?.ifAbsent ? 'once' : 'yes', (): Written => {
        if (options?.ifAbsent && disk.items.has(key)) return { written: false };
        const etag = disk.put(key, body, by, asked);
        return { written: true, ...(kind === 's3' && { etag }) };
      });
    },
    remove: (key) => call('remove', key, 'yes', () => disk.remove(key, by)),
    async close() {},
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

export function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

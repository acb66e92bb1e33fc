import fs from 'node:fs';
import { join } from 'node:path';
import { Blobs } from '../../src/artifacts/blobs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { blake3 } from '../../src/hash.js';
import type { Store } from '../../src/store/store.js';

export type Random = () => number;

export const openBlobs = (store: Store = memoryStore()): Promise<Blobs> => Blobs.open(store, blake3());

/** Bytes that no other seed gives. */
export function bytesOf(random: Random, size: number): Buffer {
  const words = Uint32Array.from({ length: Math.ceil(size / 4) }, () => random() * 2 ** 32);
  return Buffer.from(words.buffer, 0, size);
}

/** Everything in a folder as one value to compare: path, kind, mode, bytes. */
export function snapshot(folder: string, below = ''): readonly string[] {
  const rows: string[] = [];
  const names = fs.readdirSync(join(folder, below), { withFileTypes: true });
  for (const entry of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    const full = join(folder, path);
    const mode = (fs.lstatSync(full).mode & 0o7777).toString(8);
    if (entry.isDirectory()) rows.push(`${path}/`, ...snapshot(folder, path));
    else if (entry.isSymbolicLink()) rows.push(`${path} -> ${fs.readlinkSync(full)}`);
    else rows.push(`${path} ${mode} ${blake3().digest(fs.readFileSync(full))}`);
  }
  return rows;
}

export async function allKeys(store: Store, prefix = ''): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** Objects of the memory store, changed behind its back. */
export async function readAll(store: Store, key: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await store.read(key))!.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The store, of which the first read of a key that `isIt` lacks its last byte: what goes wrong on its way, and only there. */
export function cutOnce(store: Store, isIt: (key: string) => boolean): Store {
  let left = 1;
  return {
    ...store,
    async read(key, options) {
      const found = await store.read(key, options);
      if (found === undefined || !isIt(key) || left-- <= 0) return found;
      const pieces: Uint8Array[] = [];
      for await (const piece of found.body) pieces.push(piece);
      const short = Buffer.concat(pieces).subarray(0, -1);
      return {
        ...found,
        body: (async function* () {
          yield short;
        })(),
      };
    },
  };
}

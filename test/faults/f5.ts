import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Blobs } from '../../src/artifacts/blobs.js';
import { putFileArtifact, putTree } from '../../src/artifacts/put.js';
import { restore } from '../../src/artifacts/restore.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { blake3 } from '../../src/hash.js';
import type { Store } from '../../src/store/store.js';
import { randomFrom } from '../conformance/random.js';
import type { Tally } from './campaign.js';

/** Every byte: the number is a bound, not a wish. */
export const points = 1_000_000;
export const needsServer = false;

/**
 * F5 of LIMITS, for artifacts: each byte of each list, index and pack (in it a blob of 4 KiB) flipped, and each of them
 * cut after each byte. What comes back is what was put, or an error of ours; never anything else, never a crash.
 */
export async function campaign({ points, seed }: { readonly points: number; readonly seed: number }): Promise<Tally> {
  const random = randomFrom(seed);
  const folder = fs.mkdtempSync(join(tmpdir(), 'stepaside-f5-'));
  const examples: string[] = [];
  let [tried, injected, wrong, same, refused] = [0, 0, 0, 0, 0];
  try {
    const tree = join(folder, 'in');
    fs.mkdirSync(join(tree, 'sub', 'empty'), { recursive: true });
    fs.writeFileSync(join(tree, 'blob'), Buffer.from(Array.from({ length: 4096 }, () => random() * 256)));
    fs.writeFileSync(join(tree, 'sub', 'one'), 'one', { mode: 0o755 });
    // With a chunk list. Zeros, so that reading it is quick.
    fs.writeFileSync(join(tree, 'large'), Buffer.alloc(8 * 2 ** 20 + 5));
    const base = memoryStore();
    const put = await Blobs.open(base, blake3());
    const whole = await putTree(put, tree);
    const file = await putFileArtifact(put, join(tree, 'sub', 'one'));
    const right = new Map([
      [whole.digest, contents(tree)],
      [file.digest, contents(join(tree, 'sub', 'one'))],
    ]);
    const objects = new Map<string, Buffer>();
    for await (const { key } of base.list('')) objects.set(key, await bytesIn(base, key));
    const cases: { key: string; bytes: () => Buffer; what: string }[] = [];
    for (const [key, bytes] of objects) {
      if (key.includes('/chunks/')) continue;
      for (let at = 0; at < bytes.byteLength; at++) {
        cases.push({ key, what: `byte ${at} flipped`, bytes: () => flipped(bytes, at, maskFor(bytes[at]!, random)) });
        cases.push({ key, what: `cut to ${at}`, bytes: () => bytes.subarray(0, at) });
      }
    }
    // In any order; those of the artifacts' own lists early, so that a short run meets them too.
    const rank = new Map(cases.map((one) => [one, random() * (one.key.includes('/artifacts/') ? 0.02 : 1)]));
    cases.sort((a, b) => rank.get(a)! - rank.get(b)!);
    for (const { key, what, bytes } of cases.slice(0, points)) {
      tried += 1;
      const damaged = bytes();
      if (damaged.equals(objects.get(key)!)) continue;
      injected += 1;
      const out = join(folder, 'out');
      const { digest } = key.endsWith(file.digest) ? file : whole;
      try {
        const blobs = await Blobs.open(await overlay(objects, base, key, damaged), blake3());
        await restore(blobs, digest, out);
        if (contents(out) === right.get(digest)) same += 1;
        else throw new Error('other contents');
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== undefined && /^(integrity|store)\//.test(code) && !fs.existsSync(out)) refused += 1;
        else {
          wrong += 1;
          if (examples.length < 12) examples.push(`${key} ${what}: ${(error as Error).stack?.slice(0, 300)}`);
        }
      }
      fs.rmSync(out, { recursive: true, force: true });
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  return { points: tried, injected, wrong, lost: 0, refused, same, examples };
}

/** The same objects but for one; the large chunk is left where it is. */
async function overlay(
  objects: ReadonlyMap<string, Buffer>,
  base: Store,
  key: string,
  damaged: Buffer,
): Promise<Store> {
  const store = memoryStore();
  for (const [name, bytes] of objects)
    if (!name.includes('/chunks/')) await store.write(name, name === key ? damaged : bytes);
  const chunks = [...objects.keys()].filter((name) => name.includes('/chunks/'));
  return {
    ...store,
    read: (name, options) => (chunks.includes(name) ? base : store).read(name, options),
    head: (name, options) => (chunks.includes(name) ? base : store).head(name, options),
  };
}

/** One text for a file, or for all that lies in a folder. */
function contents(folder: string, below = ''): string {
  if (fs.statSync(folder).isFile()) return `${fs.statSync(folder).mode} ${fs.readFileSync(folder, 'latin1')}`;
  return fs
    .readdirSync(join(folder, below), { withFileTypes: true })
    .map((entry) => {
      const path = join(below, entry.name);
      if (entry.isDirectory()) return `${path}/\n${contents(folder, path)}`;
      const hash = createHash('sha256')
        .update(fs.readFileSync(join(folder, path)))
        .digest('hex');
      return `${path} ${fs.statSync(join(folder, path)).mode} ${hash}\n`;
    })
    .sort()
    .join('');
}

async function bytesIn(store: Store, key: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await store.read(key))!.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A digit becomes another digit: the damage that reads best. */
function maskFor(byte: number, random: () => number): number {
  return byte >= 0x30 && byte <= 0x39 ? 1 : 1 << Math.floor(random() * 8);
}

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= mask;
  return copy;
}

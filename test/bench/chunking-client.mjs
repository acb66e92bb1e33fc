// node chunking-client.mjs DIST BYTES ROUNDS: chunks and digests of bytes in memory by the built library, and BLAKE3
// alone, by turns in this one process. Prints the milliseconds of each round; the first one warms up and is left out.
import { createCipheriv } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, bytes, rounds] = process.argv.slice(2);

/** What the library loads when it needs it has its name and the digest of its code. */
async function part(name) {
  const file = readdirSync(join(dist, 'chunk')).find((entry) => new RegExp(`^${name}-[A-Z0-9]{8}\\.js$`).test(entry));
  return import(pathToFileURL(join(dist, 'chunk', file)).href);
}

const { blake3 } = await import(pathToFileURL(join(dist, 'index.js')).href);
const [{ Blobs }, { putStream }] = [await part('blobs'), await part('put')];

/** A store that forgets what is large: nothing is measured but what comes before it. */
function sink() {
  const small = new Map();
  const seen = { bytes: 0, objects: 0 };
  const head = (key) => ({ key, size: small.get(key).byteLength, modifiedAt: 0 });
  return {
    seen,
    name: 'sink://',
    traits: { kind: 'memory', remote: false, strongList: true, orderedList: true, exclusiveCreate: 'yes' },
    abilities: {},
    async write(key, body) {
      if (/^v1\/(chunks|packs)\//.test(key)) {
        seen.bytes += body.byteLength;
        seen.objects += 1;
      } else small.set(key, Buffer.from(body));
      return { written: true };
    },
    head: async (key) => (small.has(key) ? head(key) : undefined),
    read: async (key) => (small.has(key) ? { head: head(key), body: [small.get(key)] } : undefined),
    async *list(prefix) {
      for (const key of small.keys()) if (key.startsWith(prefix)) yield head(key);
    },
    remove: async (key) => void small.delete(key),
    close: async () => {},
  };
}

// Nothing that repeats: a chunk that was seen is not hashed for a pack.
const all = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(Number(bytes)));
const hash = blake3();
const expected = hash.digest(all);

const WAYS = {
  async fixed() {
    const store = sink();
    const blobs = await Blobs.open(store, hash);
    const begun = process.hrtime.bigint();
    const { root } = await putStream(blobs, [all]);
    const took = process.hrtime.bigint() - begun;
    if (root.content.digest !== expected || root.content.size !== all.byteLength || store.seen.bytes < all.byteLength)
      throw new Error(`${JSON.stringify(root)} of ${store.seen.bytes} bytes is not ${expected}`);
    return took;
  },
  async blake3() {
    const begun = process.hrtime.bigint();
    const digest = hash.digest(all);
    const took = process.hrtime.bigint() - begun;
    if (digest !== expected) throw new Error(`${digest} is not ${expected}`);
    return took;
  },
};

const samples = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
for (let round = -1; round < Number(rounds); round += 1)
  for (const [name, way] of Object.entries(WAYS)) {
    const ms = Number(await way()) / 1e6;
    if (round >= 0) samples[name].push(ms);
  }
console.log(JSON.stringify({ implementation: hash.implementation, samples }));

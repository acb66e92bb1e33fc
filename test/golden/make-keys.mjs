// Makes test/golden/keys.json. Run once per key format; never to make a failing test pass:
//   node test/golden/make-keys.mjs
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { oracleKey } from './key-oracle.mjs';

const wasm = createRequire(import.meta.url)('blake3-wasm');
const digest = (bytes) => `blake3-${wasm.hash(bytes).toString('hex')}`;

// A small generator of our own: the same vectors on every machine and Node.
let state = 20261121;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const texts = ['', ' ', 'a', 'A', '1', '-0', 'true', 'null', 'date', 'é', 'e\u0301', '\u{1F600}', '\uFF5E', '日本', 'a\nb', '\u0000', '"', '\\', '{{params.x}}', 'i1:1', 's0:', '__proto__', 'x'.repeat(300)];
const numbers = [0, -0, 1, -1, 255, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0.1, -0.1, 1e-7, 5e-324, 1.5, 3.141592653589793];
function value(depth = 0) {
  const kind = random();
  if (kind < 0.4) return pick(texts) + (random() < 0.3 ? pick(texts) : '');
  if (kind < 0.65) return pick(numbers);
  if (kind < 0.75) return pick([null, true, false]);
  if (depth > 3) return pick(texts);
  const size = Math.floor(random() * 4);
  if (kind < 0.88) return Array.from({ length: size }, () => value(depth + 1));
  const map = Object.create(null);
  for (let i = 0; i < size; i++) map[pick(texts) || 'k'] = value(depth + 1);
  return map;
}
const groups = ['format', 'scope', 'key', 'command', 'script', 'image', 'params', 'each', 'values', 'files', 'paths', 'upstream', 'env', 'seed'];

const vectors = [];
for (let i = 0; i < 1000; i++) {
  const components = [{ group: 'format', value: 1 }];
  const taken = new Set(['format']);
  for (let n = Math.floor(random() * 7); n > 0; n--) {
    const group = pick(groups);
    const name = random() < 0.6 ? pick(texts.filter((t) => t !== '')) : undefined;
    const id = name === undefined ? group : `${group}.${name}`;
    if (taken.has(id)) continue;
    taken.add(id);
    components.push({ group, ...(name === undefined ? {} : { name }), value: value() });
  }
  vectors.push({ components, key: oracleKey(components, digest) });
}
const lines = vectors.map((vector) => JSON.stringify(vector));
writeFileSync(new URL('keys.json', import.meta.url), `[\n${lines.join(',\n')}\n]\n`);

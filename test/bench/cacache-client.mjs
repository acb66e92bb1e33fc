// node cacache-client.mjs put|get MODULES CACHE FOLDER [OUT]: cacache by its API, sixteen files at once, reads verified.
import { createReadStream, createWriteStream, mkdirSync, promises, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const [what, modules, cache, folder, out] = process.argv.slice(2);
const cacache = createRequire(join(modules, 'x.js'))('cacache');
const AT_ONCE = 16;
/** What is larger is not held in memory. */
const LARGE = 2 ** 22;

const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1));

async function put(path) {
  const from = join(folder, path);
  if (statSync(from).size > LARGE)
    await pipeline(createReadStream(from, { highWaterMark: 2 ** 20 }), cacache.put.stream(cache, path));
  else await cacache.put(cache, path, await promises.readFile(from));
}

async function get(path) {
  if (statSync(join(folder, path)).size > LARGE)
    await pipeline(cacache.get.stream(cache, path), createWriteStream(join(out, path)));
  else await promises.writeFile(join(out, path), (await cacache.get(cache, path)).data);
}

if (what === 'get') for (const path of new Set(files.map(dirname))) mkdirSync(join(out, path), { recursive: true });
let next = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (next < files.length) await (what === 'put' ? put : get)(files[next++]);
  }),
);
console.log(`${files.length} files`);

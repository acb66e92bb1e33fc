import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Reads the artifact store by DESIGN.md alone: nothing of src/ is imported. Objects by key, as they lie there. */
export type Objects = ReadonlyMap<string, Buffer>;

const { hash } = createRequire(import.meta.url)('blake3-wasm') as { hash(bytes: Uint8Array): Buffer };

const known = new WeakMap<Buffer, string>();

export function blake3(bytes: Buffer): string {
  const digest = known.get(bytes) ?? `blake3-${hash(bytes).toString('hex')}`;
  known.set(bytes, digest);
  return digest;
}

/** Of a store that is a folder, without what is still being written. */
export function filesIn(folder: string): Objects {
  const found = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith('.stepaside-tmp-')) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(folder.length + 1), readFileSync(path));
  }
  return found;
}

/** Artifacts that are there and cannot be read: their roots are written last, and removed first. */
export function brokenIn(objects: Objects): readonly string[] {
  return [...objects.keys()].flatMap((key) => {
    const digest = key.startsWith('v1/artifacts/') ? key.slice(key.lastIndexOf('/') + 1) : undefined;
    const contents = digest && contentsOf(objects, digest);
    return contents && 'missing' in contents ? [`${digest} is there, and ${contents.missing} is missing`] : [];
  });
}

/** Objects whose names say what they hold, and do not. */
export function misnamed(objects: Objects): readonly string[] {
  const wrong: string[] = [];
  for (const [key, bytes] of objects) {
    const [, name] = /^v1\/(?:artifacts|chunks|packs|indexes)\/(?:.*\/)?(.*)$/.exec(key) ?? [];
    if (name !== undefined && blake3(bytes) !== name) wrong.push(`${key} does not hold what its name says`);
  }
  return wrong;
}

const joined = new Map<string, string>();

/** Of pieces one after the other. Those that have the same digests are the same bytes: hashed once, however many rounds. */
function digestOfAll(pieces: readonly Buffer[]): string {
  const [only] = pieces;
  if (pieces.length === 1 && only) return blake3(only);
  const names = pieces.map(blake3).join();
  const known = joined.get(names) ?? blake3(Buffer.concat(pieces));
  joined.set(names, known);
  return known;
}

/** `path mode digest` of each file of an artifact, all of its bytes found and hashed; or what is missing. */
export function contentsOf(objects: Objects, digest: string): readonly string[] | { readonly missing: string } {
  const packed = blobsIn(objects);
  const blob = (name: string): Buffer => {
    const chunk = objects.get(`v1/chunks/${name[7]}/${name}`);
    const bytes = chunk && blake3(chunk) === name ? chunk : packed.get(name)?.find((one) => blake3(one) === name);
    if (!bytes) throw new Missing(`blob ${name}`);
    return bytes;
  };
  const file = (cells: readonly unknown[]): string => {
    const [size, whole, list] = cells as [number, string, string?];
    const bytes = size === 0 ? [Buffer.alloc(0)] : list === undefined ? [blob(whole)] : chunks(list);
    const sum = bytes.reduce((all, { byteLength }) => all + byteLength, 0);
    if (sum !== size || digestOfAll(bytes) !== whole) throw new Missing(`${whole}: other bytes`);
    return whole;
  };
  const chunks = (list: string): Buffer[] => {
    const [, ...pages] = rows(blob(list));
    return pages.flatMap(([page]) => rows(blob(String(page))).slice(1)).map(([chunk]) => blob(String(chunk)));
  };
  try {
    const root = objects.get(`v1/artifacts/${digest[7]}/${digest}`);
    if (!root || blake3(root) !== digest) throw new Missing(`artifact ${digest}`);
    const [head, ...pages] = rows(root);
    if (head![0] === 'stepaside/file/1') return [` ${head![1]} ${file(head!.slice(2))}`];
    return pages
      .flatMap(([page]) => rows(blob(String(page))).slice(1))
      .map(([kind, path, mode, ...cells]) => (kind === 'f' ? `${path} ${mode} ${file(cells)}` : `${path}`));
  } catch (error) {
    if (error instanceof Missing) return { missing: error.message };
    throw error;
  }
}

class Missing extends Error {}

function rows(bytes: Buffer): readonly unknown[][] {
  return bytes
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown[]);
}

const ROW = 36;
const MAGIC = 'stepaside/index/1\n';

const indexed = new WeakMap<Objects, ReadonlyMap<string, Buffer[]>>();

/** As far as indexes name them and their packs are there. */
function blobsIn(objects: Objects): ReadonlyMap<string, Buffer[]> {
  const read = indexed.get(objects);
  if (read) return read;
  const found = new Map<string, Buffer[]>();
  indexed.set(objects, found);
  for (const [key, bytes] of objects) {
    if (!key.startsWith('v1/indexes/') || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) continue;
    for (let at = MAGIC.length; at < bytes.byteLength; ) {
      const pack = objects.get(`v1/packs/blake3-${bytes.toString('hex', at, at + 32)}`);
      const count = bytes.readUInt32BE(at + 32);
      at += ROW;
      for (let i = 0, from = 0; i < count; i++, at += ROW) {
        const name = `blake3-${bytes.toString('hex', at, at + 32)}`;
        const size = bytes.readUInt32BE(at + 32);
        if (pack) found.set(name, [...(found.get(name) ?? []), pack.subarray(from, from + size)]);
        from += size;
      }
    }
  }
  return found;
}

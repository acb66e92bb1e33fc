// What is ingested, sent and restored, and what tells whether it arrived.
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

const MiB = 2 ** 20;
export const SMALL = 16 * 1024;

/** A folder with one file. `folder`, `kind`, `bytes`, `files`, `digest`. */
export function fileSource(folder, bytes) {
  mkdirSync(folder, { recursive: true });
  const random = noise(`${bytes} in one file`);
  const fd = openSync(join(folder, 'big.bin'), 'w');
  for (let at = 0; at < bytes; at += MiB) writeSync(fd, random(Math.min(MiB, bytes - at)));
  closeSync(fd);
  return source(folder, { kind: 'file', path: join(folder, 'big.bin'), bytes, files: 1 });
}

/** A folder with so many files of 16 KiB, a hundred to a folder. */
export function treeSource(folder, files) {
  const random = noise(`${files} small files`);
  for (let i = 0; i < files; i += 1) {
    const within = join(folder, `d${Math.floor(i / 100)}`);
    if (i % 100 === 0) mkdirSync(within, { recursive: true });
    writeFileSync(join(within, `f${i}`), random(SMALL));
  }
  return source(folder, { kind: 'tree', path: folder, bytes: files * SMALL, files });
}

function source(folder, about) {
  // Stamps of this moment are believed by nobody, and nobody is to be measured at that.
  pause(3000);
  return { folder, ...about, digest: digestOf(folder) };
}

export function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Bytes that nothing compresses, and the same ones each time. */
function noise(seed) {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}

/** All paths and all bytes below a folder, by SHA-256: neither ours nor any other contestant's own word. */
export function digestOf(folder) {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(4 * MiB);
  for (const path of filesIn(folder)) {
    const fd = openSync(join(folder, path), 'r');
    hash.update(`${path}\0`);
    let size = 0;
    for (let count = -1; count !== 0; size += count) {
      count = readSync(fd, buffer, 0, buffer.byteLength, null);
      hash.update(buffer.subarray(0, count));
    }
    closeSync(fd);
    hash.update(`\0${size}\0`);
  }
  return hash.digest('hex');
}

/** Into the page cache with it: borg tells the kernel to drop what it has read, and the next one would pay for that. */
export function readThrough(path) {
  const files = statSync(path).isFile() ? [path] : filesIn(path).map((name) => join(path, name));
  const buffer = Buffer.allocUnsafe(MiB);
  for (const file of files) {
    const fd = openSync(file, 'r');
    while (readSync(fd, buffer, 0, buffer.byteLength, null) > 0);
    closeSync(fd);
  }
}

export function bytesIn(folder) {
  return filesIn(folder).reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
}

function filesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();
}

/**
 * Is a store of ours what it should be after a put of `source`? Each object has the bytes that its name says, by the
 * other implementation of BLAKE3; together they have room for all; and what was printed is there.
 */
export function holdsArtifact(store, source, text) {
  const printed = /^(blake3-[0-9a-f]{64}) {2}/m.exec(text)?.[1];
  const { hash } = createRequire(import.meta.url)('blake3-wasm');
  const objects = filesIn(join(store, 'v1')).filter((path) => /^(artifacts|chunks|packs|indexes)\//.test(path));
  let bytes = 0;
  for (const path of objects) {
    const content = readFileSync(join(store, 'v1', path));
    if (`blake3-${hash(content).toString('hex')}` !== basename(path)) throw new Error(`${path} has other bytes`);
    if (/^(chunks|packs)\//.test(path)) bytes += content.byteLength;
  }
  return bytes >= source.bytes && objects.some((path) => path.startsWith('artifacts/') && basename(path) === printed);
}

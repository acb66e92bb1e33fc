import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BlobIndex, readIndex, writeIndex } from '../../src/artifacts/blob-index.js';
import { readChunkList, readChunkPage, writeChunkList, writeChunkPage } from '../../src/artifacts/content.js';
import { type Entry, readEntry, targetFault } from '../../src/artifacts/entry.js';
import { PackBuffer, packBytes, packTailBytes, readPackTail } from '../../src/artifacts/pack.js';
import { ROW, writeRow } from '../../src/artifacts/pack-rows.js';
import { readRoot, writeRoot } from '../../src/artifacts/root.js';
import { TreeListWriter } from '../../src/artifacts/tree-list.js';
import type { Digest } from '../../src/core/brand.js';
import { blake3 } from '../../src/hash.js';
import { randomFrom } from '../conformance/random.js';

const hash = blake3();
const digest = (text: string): Digest => hash.digest(Buffer.from(text));
const golden = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../golden/artifacts', name));
const MIB = 2 ** 20;

/** Whoever changes one of these bytes changes the format, and has to call it v2. */
describe('format v1, byte for byte', () => {
  const chunks = [
    { digest: digest('first'), size: 8 * MIB },
    { digest: digest('second'), size: 5 },
  ];
  const entries: readonly Entry[] = [
    { kind: 'file', path: 'a b', mode: 0o644, content: { size: 3, digest: digest('abc') } },
    {
      kind: 'file',
      path: 'big',
      mode: 0o755,
      content: { size: 8 * MIB + 5, digest: digest('whole'), list: digest('list') },
    },
    { kind: 'folder', path: 'empty' },
    { kind: 'link', path: 'l/\u00e9', target: '../big' },
    { kind: 'file', path: '\u{1F600}"\n', mode: 0o600, content: { size: 0, digest: digest('') } },
  ];

  it('a chunk page and a chunk list', () => {
    expect(writeChunkPage(chunks)).toEqual(new Uint8Array(golden('chunk-page.txt')));
    expect(readChunkPage(golden('chunk-page.txt'))).toEqual(chunks);
    const list = { size: 8 * MIB + 5, digest: digest('whole'), pages: [digest('page')] };
    expect(writeChunkList(list)).toEqual(new Uint8Array(golden('chunks.txt')));
    expect(readChunkList(golden('chunks.txt'))).toEqual(list);
  });

  it('a tree page and a tree', async () => {
    const pages: Uint8Array[] = [];
    const list = new TreeListWriter(async (page) => {
      pages.push(page);
      return hash.digest(page);
    });
    for (const entry of entries) list.add(entry);
    const root = await list.done();
    expect(pages).toEqual([new Uint8Array(golden('tree-page.txt'))]);
    expect(writeRoot(root)).toEqual(new Uint8Array(golden('tree.txt')));
    expect(readRoot(golden('tree.txt'))).toEqual(root);
    expect(root).toMatchObject({ files: 3, folders: 1, links: 1, bytes: 8 * MIB + 8 });
  });

  it('a file', () => {
    const root = { kind: 'file', mode: 0o644, content: { size: 3, digest: digest('abc') } } as const;
    expect(writeRoot(root)).toEqual(new Uint8Array(golden('file.txt')));
    expect(readRoot(golden('file.txt'))).toEqual(root);
  });

  it('a pack, which explains itself, and an index', () => {
    const pack = new PackBuffer(1024);
    for (const text of ['one', 'three']) {
      pack.room(text.length)!.write(text);
      pack.keep(digest(text), text.length);
    }
    const kept = Buffer.from(pack.rows);
    const bytes = Buffer.from(pack.finish());
    expect(bytes.toString('hex')).toBe(golden('pack.hex').toString().trim());
    const tail = bytes.subarray(-packTailBytes(bytes.subarray(-20)));
    expect(readPackTail(tail, bytes.byteLength)).toEqual(kept);
    expect(packBytes(kept)).toBe(bytes.byteLength);
    const packs = [{ pack: hash.digest(bytes), rows: kept }];
    expect(writeIndex(packs).toString('hex')).toBe(golden('index.hex').toString().trim());
    expect([...readIndex(writeIndex(packs))]).toEqual(packs);
  });
});

describe('what a list may say', () => {
  const D = digest('x');
  it.each([
    [['f', '../a', 420, 1, D]],
    [['f', '/a', 420, 1, D]],
    [['f', 'a//b', 420, 1, D]],
    [['f', 'a/./b', 420, 1, D]],
    [['f', 'a\0', 420, 1, D]],
    [['f', '', 420, 1, D]],
    [['f', 'a/', 420, 1, D]],
    [['f', `${'x'.repeat(256)}`, 420, 1, D]],
    [['f', 'a/_stepaside.json', 420, 1, D]],
    [['f', '.stepaside-tmp-1/x', 420, 1, D]],
    [['f', 'a', 0o4755, 1, D]],
    [['f', 'a', -1, 1, D]],
    [['f', 'a', 420, -1, D]],
    [['f', 'a', 420, 2 ** 60, D]],
    [['f', 'a', 420, 1.5, D]],
    [['f', 'a', 420, 1, 'md5-abc']],
    [['f', 'a', 420, 1, D, D]],
    [['f', 'a', 420, 9 * MIB, D]],
    [['f', 'a', 420, 1]],
    [['d', 'a']],
    [['d', '../a/']],
    [['d', 'a/', 1]],
    [['l', 'a', '/etc/passwd']],
    [['l', 'a', '..']],
    [['l', 'a/b', '../../x']],
    [['l', 'a/b', 'c/../../x']],
    [['l', 'a', '']],
    [['c', 'a', 1, 3]],
    [['f', 1, 420, 1, D]],
  ] as const)('refuses %j', (row) => {
    expect(() => readEntry(row)).toThrow(expect.objectContaining({ code: 'integrity/list' }));
  });

  it('a link may lead up as far as the tree, and then down', () => {
    expect(targetFault('a/b/c', '../../x')).toBeUndefined();
    expect(targetFault('a', 'b')).toBeUndefined();
    expect(targetFault('a/b', '..')).toBeUndefined();
  });
});

function rowOf(blob: Digest, size: number): Buffer {
  const row = Buffer.alloc(ROW);
  writeRow(row, 0, blob, size);
  return row;
}

it('the index finds each of 50,000 blobs and no other', () => {
  const random = randomFrom(7);
  const index = new BlobIndex();
  const [p, q] = [digest('p'), digest('q')];
  const at: number[] = [];
  for (const [number, pack] of [p, q].entries()) {
    const rows = Buffer.alloc(25_000 * ROW);
    for (let i = 0, sum = 0; i < 25_000; i++) {
      const name = number * 25_000 + i;
      writeRow(rows, i * ROW, digest(`${name}`), name + 1);
      at.push(sum);
      sum += name + 1;
    }
    index.addPack(pack, rows);
    // Whoever names it later is not believed.
    index.addPack(digest('other'), rows.subarray(0, ROW));
  }
  index.addDigest(digest('49999'));
  index.addPack(p, Buffer.from(rowOf(digest('bad'), 1)), (one) => one === digest('bad'));
  expect(index.has(digest('bad'))).toBe(false);
  for (let n = 0; n < 2000; n++) {
    const i = Math.floor(random() * 50_000);
    expect(index.find(digest(`${i}`))).toEqual({ pack: i < 25_000 ? p : q, at: at[i], size: i + 1 });
    expect(index.find(digest(`${i}x`))).toBeUndefined();
  }
  expect([...index].length).toBe(50_000);
});

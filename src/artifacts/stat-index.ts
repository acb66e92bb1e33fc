import { randomBytes } from 'node:crypto';
import { type BigIntStats, closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TEMPORARY } from '../core/parts.js';
import { RACY_MS } from '../core/racy.js';
import { compareUtf8 } from '../core/utf8.js';
import type { Blake3 } from '../hash.js';
import { type Content, contentCells, readContent } from './content.js';
import { type Row, readRows, writeRows } from './rows.js';

/**
 * What a put read, by the stamps that the files had: the next one need not read what still has them. One file for each
 * place, written anew by each put, in the order of a tree list, so that neither side holds more than a page of it. Its
 * word is taken only for what a file holds; that the store has it is asked of the store.
 */
const FORMAT = 'stepaside/stats/1';
const ROWS_A_PAGE = 1024;

export interface StatIndex {
  /** What the file at `path` holds, if it has the stamps that it had. Asked in the order of a tree list. */
  find(path: string, stats: BigIntStats): Content | undefined;
  /** It was read, and had these stamps before and after; `readAt` is when that began. */
  note(path: string, stats: BigIntStats, content: Content, readAt: number): void;
  /** The put ended well: what was noted takes the place of what was known. */
  save(): void;
  close(): void;
}

interface Where {
  /** The index's own file. */
  readonly file: string;
  readonly hash: Blake3;
  /** What is put, and where to: an index of something else says nothing. */
  readonly of: string;
}

/** Best effort: a disk that refuses something costs what is known, and the next put reads all of it. */
export function openStatIndex(where: Where): StatIndex {
  const known = rowsIn(where);
  let at: IteratorResult<Known, undefined> = spared(() => known.next()) ?? END;
  const temporary = join(dirname(where.file), `${TEMPORARY}${process.pid}-${randomBytes(8).toString('hex')}`);
  let fd: number | undefined;
  let rows: Row[] = [];
  let isKept = true;
  function turn(): true {
    if (fd === undefined) {
      mkdirSync(dirname(where.file), { recursive: true });
      fd = openSync(temporary, 'wx', 0o600);
    }
    const page = writeRows([[FORMAT, where.of], ...rows]);
    writeSync(fd, `${page.byteLength} ${where.hash.digest(page)}\n`);
    writeSync(fd, page);
    rows = [];
    return true;
  }
  return {
    find(path, stats) {
      while (!at.done && compareUtf8(at.value.path, path) < 0) at = spared(() => known.next()) ?? END;
      return !at.done && at.value.path === path && at.value.stamp === stampOf(stats) ? at.value.content : undefined;
    },
    note(path, stats, content, readAt) {
      // biome-ignore format: the broken form is compiled out of the package; the test on edits within a tick must catch it
      if (__SABOTAGE__ !== 'racy-stamps')
      if (Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs)) > readAt - RACY_MS) return;
      if (!isKept) return;
      rows.push([path, stampOf(stats), ...contentCells(content)]);
      if (rows.length >= ROWS_A_PAGE) isKept = spared(turn) === true;
    },
    save() {
      if (isKept && (rows.length > 0 || fd === undefined)) isKept = spared(turn) === true;
      if (isKept) spared(() => renameSync(temporary, where.file));
    },
    close() {
      spared(() => known.return(undefined));
      if (fd === undefined) return;
      spared(() => closeSync(fd!));
      // Else it is litter, which gc removes.
      spared(() => rmSync(temporary, { force: true }));
    },
  };
}

const END = { done: true, value: undefined } as const;

/** Undefined if the system refused it. */
function spared<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    return undefined;
  }
}

/** ctime among them: who sets mtime back cannot set that. */
function stampOf({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): string {
  return `${size} ${mtimeNs} ${ctimeNs} ${ino} ${dev}`;
}

interface Known {
  readonly path: string;
  readonly stamp: string;
  readonly content: Content;
}

/** Page by page, each as it was written. What is damaged ends it: the rest is read anew. */
function* rowsIn({ file, hash, of }: Where): Generator<Known, undefined, undefined> {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return;
  }
  try {
    for (let at = 0; ; ) {
      const line = bytesAt(fd, at, HEAD_BYTES).toString('latin1').split('\n', 1)[0]!;
      const [, size, digest] = /^([0-9]{1,8}) (blake3-[0-9a-f]{64})$/.exec(line) ?? [];
      if (size === undefined) return;
      const page = bytesAt(fd, at + line.length + 1, Number(size));
      if (page.byteLength !== Number(size) || hash.digest(page) !== digest) return;
      at += line.length + 1 + page.byteLength;
      const [head, ...rows] = readRows(page, FORMAT);
      if (head![1] !== of) return;
      for (const [path, stamp, ...content] of rows)
        yield { path: String(path), stamp: String(stamp), content: readContent(content) };
    }
  } finally {
    closeSync(fd);
  }
}

/** A size, a digest, a newline. */
const HEAD_BYTES = 8 + 1 + 71 + 1;

function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  for (let count = -1; count !== 0 && filled < length; filled += count)
    count = readSync(fd, bytes, filled, length - filled, at + filled);
  return bytes.subarray(0, filled);
}

import { type BigIntStats, constants } from 'node:fs';
import { StoreError } from '../../core/error.js';
import type { Found, ReadOptions } from '../../store/store.js';
import { stream } from '../../store/stream.js';
import { attempted, type FileCalls } from './calls.js';
import { type Disk, headOf } from './disk.js';
import { translate } from './errors.js';

/** Read by one call, without waiting for a thread; of what is longer so much at a time, each by a thread of the pool. */
const AT_ONCE = 256 * 1024;
const PIECE = 512 * 1024;

/** A file that fits in one piece is read at once and holds nothing open; of a longer one the body holds the file open. */
export async function readFile(
  disk: Disk,
  key: string,
  { offset = 0, length = Number.POSITIVE_INFINITY, signal }: ReadOptions,
  check: () => void,
): Promise<Found | undefined> {
  const path = disk.path(key);
  const fd = await openFile(disk, path);
  if (fd === undefined) return undefined;
  let mine = true;
  try {
    const stats = await disk.quick.fstat(fd);
    if (!stats.isFile()) return undefined;
    await disk.checkFound(stats);
    const head = headOf(key, stats);
    const end = Math.min(head.size, offset + length);
    if (end - offset <= AT_ONCE) {
      const piece = end > offset ? await fill(disk.quick, fd, offset, end) : new Uint8Array();
      await checkUnchanged(disk, disk.quick, key, fd, stats);
      if (piece.byteLength < end - offset) throw cutShort(disk, key, offset + piece.byteLength);
      return { head, body: once(piece, check) };
    }
    // Who has given up meanwhile never gets the body, and so nobody would close the file.
    check();
    mine = false;
    return { head, body: pieces(disk, key, fd, stats, { offset, end, signal, check }) };
  } finally {
    // Of what was only read nothing is lost, and the kernel has let go of it whatever it says.
    if (mine) await attempted(() => disk.quick.close(fd));
  }
}

async function openFile(disk: Disk, path: string): Promise<number | undefined> {
  // O_NONBLOCK: to open a named pipe would wait for a writer. It does nothing to files.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const fd = await disk.quick.open(path, flags);
  if (fd !== undefined) return fd;
  return (await disk.lookUp(path))?.isFile() ? disk.quick.open(path, flags) : undefined;
}

interface Range {
  readonly offset: number;
  readonly end: number;
  readonly signal: AbortSignal | undefined;
  readonly check: () => void;
}

function pieces(disk: Disk, key: string, fd: number, stats: BigIntStats, range: Range): AsyncIterable<Uint8Array> {
  let at = range.offset;
  let reading: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  function stop(): void {
    void close();
  }

  /** After a read in flight: its descriptor, closed and given to another file, would yield that file's bytes. */
  function close(): Promise<void> {
    range.signal?.removeEventListener('abort', stop);
    const end = () => attempted(() => disk.slow.close(fd));
    closing ??= reading.then(end, end);
    return closing;
  }

  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (at < range.end) {
      const value = await fill(disk.slow, fd, at, Math.min(range.end, at + PIECE));
      range.check();
      if (value.byteLength > 0) {
        at += value.byteLength;
        return { done: false, value };
      }
    }
    await checkUnchanged(disk, disk.slow, key, fd, stats);
    if (at < range.end) throw cutShort(disk, key, at);
    return { done: true, value: undefined };
  }

  range.signal?.addEventListener('abort', stop, { once: true });
  return stream<Uint8Array>(async () => {
    range.check();
    const result = next();
    reading = result;
    return result.catch((error: unknown) => {
      throw translate(error, { store: disk.name, key, remote: disk.remote });
    });
  }, close);
}

async function fill(calls: FileCalls, fd: number, from: number, to: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(to - from);
  let filled = 0;
  while (filled < buffer.byteLength) {
    const count = await calls.read(fd, buffer.subarray(filled), from + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled === buffer.byteLength ? buffer : buffer.subarray(0, filled);
}

/** Our own writers replace files whole; another's may write into one while we read, and then the bytes are of no version. */
async function checkUnchanged(
  disk: Disk,
  calls: FileCalls,
  key: string,
  fd: number,
  before: BigIntStats,
): Promise<void> {
  const after = await calls.fstat(fd);
  if (after.mtimeNs === before.mtimeNs && after.size === before.size) return;
  const facts = { store: disk.name, key, retryable: true };
  throw new StoreError('store/conflict', `${disk.name}: ${key} was changed while it was read`, facts);
}

function cutShort(disk: Disk, key: string, at: number): StoreError {
  const facts = { store: disk.name, key };
  return new StoreError('store/bad-answer', `${disk.name}: ${key} ends at byte ${at}, before its size`, facts);
}

function once(piece: Uint8Array, check: () => void): AsyncIterable<Uint8Array> {
  let given = piece.byteLength === 0;
  return stream<Uint8Array>(
    async () => {
      check();
      if (given) return { done: true, value: undefined };
      given = true;
      return { done: false, value: piece };
    },
    () => {},
  );
}

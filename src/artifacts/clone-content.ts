import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { constants } from 'node:fs';
import { promisify } from 'node:util';
import type { Digest } from '../core/brand.js';
import { chunksOf } from './artifact.js';
import type { Blobs } from './blobs.js';
import type { Chunk, Content } from './content.js';
import type { Entry } from './entry.js';
import { Flight } from './flight.js';
import { chunkKey, PACKED } from './layout.js';
import type { Tally } from './tally.js';
import { writeSmall } from './write-content.js';

const read = promisify(fs.read);
const fsync = promisify(fs.fsync);

/** So much is read at once to verify it. */
const PIECE = 2 ** 20;
/** Files of one `cat`: their names are its arguments. */
const JOINED = 1000;

/** Never over anything and never through a link: see build.ts. Whoever clones by name opens the file once more, to write. */
const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export interface Cloning {
  readonly tally: Tally;
  /** On the disk when it ends. */
  readonly durable?: boolean;
  /** Seen here: this file system makes none, or not from where the chunks are. */
  noClones?: boolean;
  /** Seen here: nothing joins several of them. */
  noJoins?: boolean;
}

type FileToClone = Pick<Extract<Entry, { kind: 'file' }>, 'mode' | 'content'>;

/**
 * Shares blocks with the chunks instead of copying them, where the file system can (XFS, btrfs). Node clones whole
 * files; several are joined by `cat`, which at GNU calls copy_file_range(2), and that clones what fills whole blocks.
 * Whatever came of it is read and verified. False: it is not all there and right, and nothing of it is left.
 */
export async function cloneContent(
  blobs: Blobs,
  path: string,
  { mode, content }: FileToClone,
  cloning: Cloning,
): Promise<boolean> {
  const { pathOf } = blobs.store.abilities;
  if (pathOf === undefined || cloning.noClones || (content.list !== undefined && cloning.noJoins)) return false;
  const fd = fs.openSync(path, CREATE, mode | 0o600);
  let isWhole = false;
  try {
    const allowed = fs.fstatSync(fd).mode & mode;
    isWhole = await fill(blobs, content, { fd, path, pathOf }, cloning);
    if (isWhole) fs.fchmodSync(fd, allowed);
    if (isWhole && cloning.durable) await fsync(fd);
  } finally {
    fs.closeSync(fd);
    if (!isWhole) fs.rmSync(path, { force: true });
  }
  return isWhole;
}

interface Target {
  /** Nothing is in it, and it is at its beginning. */
  readonly fd: number;
  readonly path: string;
  readonly pathOf: (key: string) => string;
}

async function fill(blobs: Blobs, content: Content, { fd, path, pathOf }: Target, cloning: Cloning): Promise<boolean> {
  const single = content.list === undefined;
  let [at, ended] = [0, false];
  for await (const chunks of chunksOf(blobs, content)) {
    // In a pack lies what is so short, and of what we write that is the end of a file alone.
    const short = chunks.at(-1)!.size > PACKED ? undefined : chunks.at(-1)!;
    const large = short === undefined ? chunks : chunks.slice(0, -1);
    if (ended || large.some(({ size }) => size <= PACKED)) return false;
    const paths = large.map(({ digest }) => pathOf(chunkKey(digest)));
    if (at === 0) {
      if (paths.length === 0 || !tryClone(paths[0]!, path, cloning)) return false;
      // Of several the first one only showed that it can be done.
      if (!single) fs.ftruncateSync(fd, 0);
    }
    if (!single && !(await join(paths, fd))) {
      cloning.noJoins = true;
      return false;
    }
    if (!(await holds(blobs, fd, { chunks: large, at, tally: cloning.tally }))) return false;
    for (const { size } of large) at += size;
    if (short === undefined) continue;
    await writeSmall(blobs, short, fd, cloning.tally, at);
    at += short.size;
    ended = true;
  }
  return fs.fstatSync(fd).size === content.size;
}

/** A link to the blob itself, which takes no room at all and stays right only as long as nobody writes through it. */
export async function linkContent(
  blobs: Blobs,
  path: string,
  { mode, content }: FileToClone,
  tally: Tally,
): Promise<boolean> {
  const { pathOf } = blobs.store.abilities;
  // All links to one file have one mode.
  if (pathOf === undefined || content.list !== undefined || (mode & 0o111) !== 0) return false;
  try {
    fs.linkSync(pathOf(chunkKey(content.digest)), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    return false;
  }
  let isLinked = false;
  const fd = fs.openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    isLinked = keepFromWriting(fd, mode) && (await holds(blobs, fd, { chunks: [content], at: 0, tally }));
  } finally {
    fs.closeSync(fd);
    if (!isLinked) fs.unlinkSync(path);
  }
  return isLinked;
}

/** False where that is not ours to do, or where the blob can be read by those who may not read the file. */
function keepFromWriting(fd: number, mode: number): boolean {
  const now = fs.fstatSync(fd).mode & 0o777;
  if ((now & 0o444 & ~mode) !== 0) return false;
  try {
    if ((now & 0o222) !== 0) fs.fchmodSync(fd, now & 0o444);
    return true;
  } catch {
    return false;
  }
}

/** Onto the file that is there, which Node removes if it fails. */
function tryClone(from: string, to: string, cloning: Cloning): boolean {
  try {
    fs.copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    // A chunk that is gone says nothing of the file system; the other way will tell that it is.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') cloning.noClones = true;
    return false;
  }
}

/** Files one after the other, behind what is in there. */
async function join(paths: readonly string[], fd: number): Promise<boolean> {
  for (let from = 0; from < paths.length; from += JOINED) {
    try {
      const cat = spawn('cat', ['--', ...paths.slice(from, from + JOINED)], { stdio: ['ignore', fd, 'ignore'] });
      const [code] = (await once(cat, 'exit')) as [number | null];
      if (code !== 0) return false;
    } catch {
      return false; // there is no such program, or it cannot be started
    }
  }
  return true;
}

interface Held {
  readonly chunks: readonly Chunk[];
  readonly at: number;
  readonly tally: Tally;
}

/** Are these the bytes in the file, from there on? */
async function holds(blobs: Blobs, fd: number, { chunks, at, tally }: Held): Promise<boolean> {
  const flight = new Flight(blobs.width);
  let [right, verified] = [true, 0];
  let from = at;
  try {
    for (const { digest, size } of chunks) {
      const [begin, end] = [from, from + size];
      from = end;
      await flight.add(async () => {
        if (!right) return;
        if ((await digestOf(blobs, fd, begin, end)) !== digest) right = false;
        verified += size;
        tally.bytes += size;
        tally.storedBytes += size;
      });
    }
    await flight.done();
  } finally {
    await flight.ended();
  }
  if (!right) {
    tally.bytes -= verified;
    tally.storedBytes -= verified;
  }
  return right && fs.fstatSync(fd).size === from;
}

async function digestOf({ hash }: Blobs, fd: number, begin: number, end: number): Promise<Digest | undefined> {
  const stream = hash.stream();
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - begin));
  for (let at = begin; at < end; ) {
    const { bytesRead } = await read(fd, buffer, 0, Math.min(buffer.byteLength, end - at), at);
    if (bytesRead === 0) return undefined;
    stream.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return stream.digest();
}

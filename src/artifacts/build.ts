import fs, { constants } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../core/brand.js';
import { chunksOf } from './artifact.js';
import type { Blobs, Wanted } from './blobs.js';
import type { Content } from './content.js';
import type { Entry } from './entry.js';
import { Flight } from './flight.js';
import { PACKED } from './layout.js';
import { badList } from './refuse.js';
import type { Tally } from './tally.js';

const open = promisify(fs.open);
const write = promisify(fs.write);
const writev = promisify(fs.writev);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);

/** Never over anything and never through a link, whatever a list says: in a folder that was made for it, names are new. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** So much of a large file goes to the kernel at once. */
const RUN_BYTES = 256 * 1024;

type FileEntry = Extract<Entry, { kind: 'file' }>;
type LinkEntry = Extract<Entry, { kind: 'link' }>;

/** Small files are fetched together, so many or so many bytes at a time. */
const BATCH = 2048;
const BATCH_BYTES = 32 * 2 ** 20;

/**
 * Builds a tree in an empty folder of our own. What cannot be made exactly as the list says - since two names are one
 * here, for example - throws, and the caller throws the folder away.
 */
export class TreeBuilder {
  readonly #blobs: Blobs;
  readonly #root: string;
  readonly #tally: Tally;
  readonly #folders = new Set<string>();
  readonly #pace = new Pace();
  readonly #large: Flight;
  #small = new Map<Digest, FileEntry[]>();
  #wanted: Wanted[] = [];
  #bytes = 0;
  #links: LinkEntry[] = [];

  constructor(blobs: Blobs, root: string, tally: Tally) {
    this.#blobs = blobs;
    this.#root = root;
    this.#tally = tally;
    this.#large = new Flight(blobs.width);
  }

  async add(entry: Entry): Promise<void> {
    if (entry.kind === 'folder') return this.#folder(entry.path);
    this.#folder(dirname(entry.path));
    if (entry.kind === 'link') return void this.#links.push(entry);
    const { size, digest } = entry.content;
    if (size > PACKED) return this.#large.add(() => this.#putLarge(entry));
    if (size === 0) return this.#putSmall(entry, Buffer.alloc(0));
    const same = this.#small.get(digest);
    if (same !== undefined) {
      if (same[0]!.content.size !== size) throw badList(`${digest} has two sizes`);
      same.push(entry);
    } else {
      this.#small.set(digest, [entry]);
      this.#wanted.push({ digest, size });
      this.#bytes += size;
    }
    if (this.#wanted.length >= BATCH || this.#bytes >= BATCH_BYTES) await this.#fetch();
  }

  async done(): Promise<void> {
    await this.#fetch();
    await this.#large.done();
    // Last, so that nothing was ever written through one.
    for (const { path, target } of this.#links) fs.symlinkSync(target, `${this.#root}/${path}`);
  }

  /** After a failure: files under way must not land in a folder that is being removed. */
  async abandon(): Promise<void> {
    await this.#large.ended();
  }

  #folder(path: string): void {
    if (path === '.' || this.#folders.has(path)) return;
    this.#folder(dirname(path));
    try {
      fs.mkdirSync(`${this.#root}/${path}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw badList(`${JSON.stringify(path)} meets another name here`);
    }
    this.#folders.add(path);
  }

  async #fetch(): Promise<void> {
    if (this.#wanted.length === 0) return;
    const [small, wanted] = [this.#small, this.#wanted];
    this.#small = new Map();
    this.#wanted = [];
    this.#bytes = 0;
    await this.#blobs.readMany(wanted, async (digest, bytes) => {
      this.#tally.storedBytes += bytes.byteLength;
      for (const entry of small.get(digest)!) await this.#putSmall(entry, bytes);
    });
  }

  /** Where making a file is quick, one after the other; where it is slow, the thread pool makes several at once. */
  async #putSmall({ path, mode }: FileEntry, bytes: Buffer): Promise<void> {
    const full = `${this.#root}/${path}`;
    try {
      if (this.#pace.isSlow) {
        const fd = await open(full, CREATE, mode);
        try {
          for (let at = 0; at < bytes.byteLength; )
            at += (await write(fd, bytes, at, bytes.byteLength - at, at)).bytesWritten;
        } finally {
          await close(fd);
        }
      } else {
        const began = performance.now();
        const fd = fs.openSync(full, CREATE, mode);
        try {
          writeNow(fd, bytes);
        } finally {
          fs.closeSync(fd);
        }
        this.#pace.took(performance.now() - began);
      }
    } catch (error) {
      throw collision(error, path);
    }
    this.#tally.files += 1;
    this.#tally.bytes += bytes.byteLength;
  }

  async #putLarge({ path, mode, content }: FileEntry): Promise<void> {
    const full = `${this.#root}/${path}`;
    const fd = await open(full, CREATE, mode).catch((error: unknown) => {
      throw collision(error, path);
    });
    try {
      await writeContent(this.#blobs, content, fd, this.#tally);
    } finally {
      await close(fd);
    }
    this.#tally.files += 1;
  }
}

/** A single file, under a name that is not there yet. */
export async function buildFile(
  blobs: Blobs,
  path: string,
  { mode, content }: Pick<FileEntry, 'mode' | 'content'>,
  tally: Tally,
): Promise<void> {
  const fd = fs.openSync(path, CREATE, mode);
  try {
    if (content.size > PACKED) await writeContent(blobs, content, fd, tally);
    else if (content.size > 0) await writeSmall(blobs, content, fd, tally);
    await fsync(fd);
  } finally {
    fs.closeSync(fd);
  }
  tally.files += 1;
}

async function writeSmall(blobs: Blobs, wanted: Wanted, fd: number, tally: Tally): Promise<void> {
  await blobs.readMany([wanted], (_, bytes) => {
    writeNow(fd, bytes);
    tally.bytes += bytes.byteLength;
    tally.storedBytes += bytes.byteLength;
  });
}

function writeNow(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += fs.writeSync(fd, bytes, at, bytes.byteLength - at, at);
}

/** Chunks side by side, each to its place; verified before the file gets its name. */
async function writeContent(blobs: Blobs, content: Content, fd: number, tally: Tally): Promise<void> {
  const flight = new Flight(blobs.width);
  let at = 0;
  try {
    for await (const chunks of chunksOf(blobs, content)) {
      for (const { digest, size } of chunks) {
        const from = at;
        at += size;
        await flight.add(async () => {
          const run = new Run(fd, from, tally);
          await blobs.stream({ digest, size }, (piece) => run.add(piece));
          await run.flush();
          tally.storedBytes += size;
        });
      }
    }
    await flight.done();
  } finally {
    // The descriptor is closed next: no write may be under way.
    await flight.ended();
  }
}

/** Pieces that follow each other, written several at a time: from a network they are small, and each call wakes a thread. */
class Run {
  readonly #fd: number;
  readonly #tally: Tally;
  #at: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(fd: number, at: number, tally: Tally) {
    this.#fd = fd;
    this.#at = at;
    this.#tally = tally;
  }

  async add(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes >= RUN_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    let [pieces, left] = [this.#pieces, this.#bytes];
    this.#pieces = [];
    this.#bytes = 0;
    while (left > 0) {
      const [only] = pieces;
      const { bytesWritten } =
        pieces.length === 1
          ? await write(this.#fd, only!, 0, only!.byteLength, this.#at)
          : await writev(this.#fd, pieces, this.#at);
      this.#at += bytesWritten;
      this.#tally.bytes += bytesWritten;
      left -= bytesWritten;
      pieces = left > 0 ? [Buffer.concat(pieces).subarray(bytesWritten)] : [];
    }
  }
}

function collision(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EEXIST' || code === 'ENOTDIR' || code === 'ELOOP'
    ? badList(`${JSON.stringify(path)} meets another name here`)
    : error;
}

/**
 * On tmpfs a file is made in microseconds, on ext4 in tens of them, on NFS in milliseconds. Of so many the middle one
 * counts: on a busy machine the mean says how long others had our turn.
 */
class Pace {
  readonly #took = new Float64Array(64);
  #count = 0;
  #slow = false;

  get isSlow(): boolean {
    return this.#slow;
  }

  took(ms: number): void {
    this.#took[this.#count] = ms;
    this.#count += 1;
    if (this.#count < this.#took.length) return;
    this.#slow = this.#took.sort()[this.#count >> 1]! > 0.15;
    this.#count = 0;
  }
}

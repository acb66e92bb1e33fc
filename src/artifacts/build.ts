import fs, { constants } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../core/brand.js';
import type { Blobs, Wanted } from './blobs.js';
import { type Cloning, cloneContent, linkContent } from './clone-content.js';
import type { Entry } from './entry.js';
import { Flight } from './flight.js';
import { PACKED } from './layout.js';
import { badList } from './refuse.js';
import { type Writing, writeContent, writeNow, writeSmall } from './write-content.js';

const open = promisify(fs.open);
const write = promisify(fs.write);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);

/** Never over anything and never through a link, whatever a list says: in a folder that was made for it, names are new. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

type FileEntry = Extract<Entry, { kind: 'file' }>;
type FileToBuild = Pick<FileEntry, 'mode' | 'content'>;
type LinkEntry = Extract<Entry, { kind: 'link' }>;

/** Small files are fetched together, so many - also where many are the same - or so many bytes at a time. */
const BATCH = 2048;
const BATCH_BYTES = 32 * 2 ** 20;

export interface Building extends Cloning, Writing {
  /** Files that are blobs of their own become links to them, which nobody may write through. */
  readonly hardLinks?: boolean | undefined;
}

/**
 * Builds a tree in an empty folder of our own. What cannot be made exactly as the list says - since two names are one
 * here, for example - throws, and the caller throws the folder away.
 */
export class TreeBuilder {
  readonly #blobs: Blobs;
  readonly #root: string;
  readonly #about: Building;
  readonly #folders = new Set<string>();
  readonly #pace = new Pace();
  readonly #large: Flight;
  #small = new Map<Digest, FileEntry[]>();
  #wanted: Wanted[] = [];
  #waiting = 0;
  #bytes = 0;
  #links: LinkEntry[] = [];

  constructor(blobs: Blobs, root: string, about: Building) {
    this.#blobs = blobs;
    this.#root = root;
    this.#about = about;
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
    this.#waiting += 1;
    if (this.#waiting >= BATCH || this.#bytes >= BATCH_BYTES) await this.#fetch();
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
    this.#waiting = 0;
    this.#bytes = 0;
    await this.#blobs.readMany(wanted, async (digest, bytes) => {
      this.#about.tally.storedBytes += bytes.byteLength;
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
    this.#about.tally.files += 1;
    this.#about.tally.bytes += bytes.byteLength;
  }

  async #putLarge({ path, mode, content }: FileEntry): Promise<void> {
    const full = `${this.#root}/${path}`;
    try {
      await putLarge(this.#blobs, full, { mode, content }, this.#about);
    } catch (error) {
      throw collision(error, path);
    }
    this.#about.tally.files += 1;
  }
}

/** A single file, under a name that is not there yet. */
export async function buildFile(
  blobs: Blobs,
  path: string,
  { mode, content }: FileToBuild,
  about: Building,
): Promise<void> {
  if (content.size > PACKED) await putLarge(blobs, path, { mode, content }, about);
  else {
    const fd = fs.openSync(path, CREATE, mode);
    try {
      if (content.size > 0) await writeSmall(blobs, content, fd, about.tally);
      if (about.durable) await fsync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }
  about.tally.files += 1;
}

/** By the cheapest way that is there: a link if that was asked for, a clone where the file system has such, else written. */
async function putLarge(blobs: Blobs, path: string, { mode, content }: FileToBuild, about: Building): Promise<void> {
  const { hardLinks, durable } = about;
  if (hardLinks && (await linkContent(blobs, path, { mode, content }, about.tally))) return;
  if (await cloneContent(blobs, path, { mode, content }, about)) return;
  const fd = await open(path, CREATE, mode);
  try {
    await writeContent(blobs, content, fd, about);
    if (durable) await fsync(fd);
  } finally {
    await close(fd);
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

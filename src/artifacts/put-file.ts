import fs, { type BigIntStats, constants } from 'node:fs';
import { promisify } from 'node:util';
import { IntegrityError } from '../core/error.js';
import type { Content } from './content.js';
import { PACKED } from './layout.js';
import { type ByteSource, type PutContext, putContent } from './put-content.js';
import { changed } from './refuse.js';
import { isFresh, isSame, ripen } from './steady.js';

/** O_NONBLOCK: to open a named pipe would wait for a writer. It does nothing to files. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

export interface PutFile {
  readonly content: Content;
  readonly mode: number;
  readonly stats: BigIntStats;
}

interface PutFileOptions {
  /** A link given by name means what it leads to. */
  readonly follow?: boolean;
  /** What it held when it had these stamps, if that is known. */
  readonly known?: (stats: BigIntStats) => Content | undefined;
}

/** One file of a file system, if it holds still. */
export async function putFile(
  context: PutContext,
  path: string,
  { follow = false, known }: PutFileOptions = {},
): Promise<PutFile> {
  const fd = fs.openSync(path, follow ? READ : READ | constants.O_NOFOLLOW);
  try {
    let stats = fs.fstatSync(fd, { bigint: true });
    if (!stats.isFile()) throw new IntegrityError('integrity/list', `${path} is no plain file`);
    if (isFresh(stats)) {
      await ripen();
      stats = fs.fstatSync(fd, { bigint: true });
    }
    const size = Number(stats.size);
    const content =
      size <= PACKED
        ? await putSmall(context, fd, size, path)
        : await putContent(context, bytesOf(fd, size), known?.(stats));
    // biome-ignore format: the broken form is compiled out of the package; the tests on changing inputs must catch it
    if (__SABOTAGE__ !== 'unsteady-inputs')
    if (content.size !== size || !isSame(stats, fs.fstatSync(fd, { bigint: true }))) throw changed(path);
    context.tally.files += 1;
    return { content, mode: Number(stats.mode & 0o777n), stats };
  } finally {
    fs.closeSync(fd);
  }
}

/** Synchronously, into the pack itself: what is this small takes longer to ask for than to read. */
async function putSmall({ blobs, hash, tally }: PutContext, fd: number, size: number, path: string): Promise<Content> {
  if (blobs.room(size) === undefined) await blobs.turn();
  const room = blobs.room(size)!;
  let filled = 0;
  while (filled < size) {
    const count = fs.readSync(fd, room, filled, size - filled, filled);
    if (count === 0) throw changed(path);
    filled += count;
  }
  tally.bytes += size;
  const digest = hash.digest(room);
  if (size > 0) blobs.keep(digest, size);
  return { size, digest };
}

const read = promisify(fs.read);

function bytesOf(fd: number, size: number): ByteSource {
  return {
    atOnce: 2,
    async read(into, at) {
      const wanted = Math.min(into.byteLength, Math.max(0, size - at));
      let filled = 0;
      while (filled < wanted) {
        const { bytesRead } = await read(fd, into, filled, wanted - filled, at + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
  };
}

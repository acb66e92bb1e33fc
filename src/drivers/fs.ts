import { constants } from 'node:buffer';
import { promises, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StoreError } from '../core/error.js';
import { sleep } from '../store/backoff.js';
import { orAborted, within } from '../store/deadline.js';
import { monotonic } from '../store/monotonic.js';
import type { CallOptions, Head, ListOptions, Store, StoreTraits } from '../store/store.js';
import { Turns } from '../store/turns.js';
import { readFile } from './fs/body.js';
import { asyncCalls, type FileCalls, isErrno, syncCalls } from './fs/calls.js';
import { Disk, headOf } from './fs/disk.js';
import { translate } from './fs/errors.js';
import { type FileSystem, fileSystemNamed, fileSystemOf } from './fs/file-system.js';
import { foldersIn, namesIn } from './fs/folders.js';
import { lodging } from './fs/mount-root.js';
import { MountTable, mountTable } from './fs/mount-table.js';
import { checkKey, checkPrefix } from './fs/names.js';
import { NoHardLinks, putFile, removeFile } from './fs/put.js';
import { walk } from './fs/walk.js';

interface FsOptions {
  /** Keys are paths below it. Its file system decides how everything in it is treated: give each mount its own store. */
  readonly root: string;
  readonly name?: string;
  /** The root is a mount that somebody else provides: if it is missing that is an error, not an empty store. */
  readonly mount?: boolean;
}

/** The kernel, as far as a test wants another one. */
interface FsSystem {
  readonly statfs?: (path: string) => number;
  /** What /proc/self/mountinfo says. */
  readonly mounts?: string;
  readonly calls?: Partial<FileCalls>;
  /** Where others are wanted for looks side by side. */
  readonly slowCalls?: Partial<FileCalls>;
  /** Milliseconds, for measuring how long the first looks take. */
  readonly now?: () => number;
}

/** Files looked at together where each look is a round trip. */
const WIDTH = 64;

/**
 * Files as objects. `exclusiveCreate` is `yes` on file systems that are known to have hard links and `no` on the rest,
 * where the first `ifAbsent` write (or a probe) shows what there is; a file system that refuses a link turns it to `no`.
 * A symbolic link stands for what it leads to; special files are not there.
 */
export function fsStore(options: FsOptions, system: FsSystem = {}): Store {
  const root = resolve(options.root);
  const name = options.name ?? root;
  const kind = fileSystemBelow(root, system);
  const { remote, hardLinks } = kind;
  const slow = { ...asyncCalls, ...system.calls, ...system.slowCalls };
  const quick = { ...syncCalls, ...system.calls };
  const now = system.now ?? monotonic;
  const disk = new Disk({ name, root, mount: options.mount ?? false, remote, quick, slow, now });
  const turns = new Turns(WIDTH);
  let traits: StoreTraits = {
    kind: 'file',
    maxValueBytes: constants.MAX_LENGTH,
    exclusiveCreate: hardLinks ? 'yes' : 'no',
    strongList: !remote,
    orderedList: true,
    remote,
  };
  let closed = false;

  function check(call: CallOptions | undefined): void {
    if (closed) throw new StoreError('store/closed', `${name} is closed`, { store: name });
    call?.signal?.throwIfAborted();
  }

  async function run<T>(
    key: string,
    call: CallOptions | undefined,
    work: () => Promise<T>,
    checkName = checkKey,
  ): Promise<T> {
    check(call);
    checkName(name, key);
    await disk.breathe();
    try {
      return await (disk.isSlow ? orAborted(turns.hold(work), call?.signal) : work());
    } catch (error) {
      throw translate(error, { store: name, key, remote });
    }
  }

  function treePath(tree: string): string {
    return tree === '' ? root : disk.path(tree.replace(/\/$/, ''));
  }

  function folders(tree: string, call?: CallOptions) {
    const options = { width: WIDTH, check: () => check(call) };
    return run(tree, call, () => foldersIn(disk, treePath(tree), options), checkPrefix);
  }

  function names(tree: string, call?: CallOptions) {
    return run(tree, call, () => namesIn(disk, treePath(tree)), checkPrefix);
  }

  return {
    name,
    get traits() {
      return traits;
    },
    abilities: {
      describe: (call) => describe(root, { kind, isSlow: disk.isSlow }, call),
      folders: { folders, names },
      // On a network it would be the client that clones or not, and what it caches is another matter.
      ...(!remote && {
        pathOf(key: string) {
          checkKey(name, key);
          return disk.path(key);
        },
      }),
    },

    head(key, call) {
      return run(key, call, async () => {
        const stats = await disk.lookUp(disk.path(key));
        return stats?.isFile() ? headOf(key, stats) : undefined;
      });
    },

    read(key, call = {}) {
      return run(key, call, () => readFile(disk, key, call, () => check(call)));
    },

    list: (prefix, call = {}) => list(prefix, call),

    write(key, body, call) {
      return run(key, call, async () => {
        if (body.byteLength > traits.maxValueBytes) {
          const message = `${name}: ${key} has ${body.byteLength} bytes, more than ${traits.maxValueBytes}`;
          throw new StoreError('store/too-large', message, { store: name, key });
        }
        try {
          const ifAbsent = call?.ifAbsent === true;
          return { written: await putFile(disk, key, body, { ifAbsent, check: () => check(call) }) };
        } catch (error) {
          if (error instanceof NoHardLinks) traits = { ...traits, exclusiveCreate: 'no' };
          throw error;
        }
      });
    },

    remove: (key, call) => run(key, call, () => removeFile(disk, key)),

    async close() {
      closed = true;
    },
  };

  async function* list(prefix: string, call: ListOptions): AsyncGenerator<Head> {
    check(call);
    checkPrefix(name, prefix);
    const { after, pageSize = WIDTH, signal } = call;
    const width = Math.max(1, Math.min(WIDTH, pageSize));
    const heads = walk(disk, { prefix, after, width, check: () => check(call) });
    try {
      for (;;) {
        const { done, value } = await (disk.isSlow
          ? orAborted(
              turns.hold(() => heads.next()),
              signal,
            )
          : heads.next());
        if (done) return;
        await disk.breathe();
        check(call);
        yield value;
      }
    } catch (error) {
      throw translate(error, { store: name, key: prefix, remote });
    }
  }
}

/** Asked of the nearest folder that exists: the root may still have to be made. */
function fileSystemBelow(root: string, { statfs = (path) => statfsSync(path).type, mounts }: FsSystem): FileSystem {
  const { mayBlock } = lodging(root, mounts === undefined ? mountTable() : new MountTable(mounts));
  if (mayBlock !== undefined) return fileSystemNamed(mayBlock.type);
  for (let path = root; ; path = dirname(path)) {
    try {
      return fileSystemOf(statfs(path));
    } catch (error) {
      // What cannot be asked about: the slow and careful way is right for it.
      if (!isErrno(error) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') || path === dirname(path))
        return { name: 'unknown', remote: true, hardLinks: false };
    }
  }
}

/** Longer than any file system takes that answers at all. */
const DESCRIBE_MS = 5_000;

/** Says what it can: a mount that is not there is the look's business to report. */
async function describe(
  root: string,
  { kind, isSlow }: { readonly kind: FileSystem; readonly isSlow: boolean },
  call: CallOptions = {},
): Promise<readonly (readonly [string, string])[]> {
  const facts: (readonly [string, string])[] = [
    ['file system', `${kind.name}, at ${root}`],
    ['asked', isSlow ? 'many at once: every look is a round trip' : 'one by one: looks are quick here'],
  ];
  const silent = new Error(`it does not answer within ${DESCRIBE_MS / 1000} s`);
  try {
    const limit = { ms: DESCRIBE_MS, sleep, signal: call.signal, late: () => silent };
    const { bavail, bsize } = await within(() => promises.statfs(root), limit);
    facts.push(['free', `${((bavail * bsize) / 2 ** 30).toFixed(1)} GiB`]);
  } catch (error) {
    if (error === silent) facts.push(['free', silent.message]);
    else if (!isErrno(error)) throw error;
  }
  return facts;
}

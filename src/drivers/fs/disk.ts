import type { BigIntStats, Dirent } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { StoreError } from '../../core/error.js';
import { monotonic } from '../../store/monotonic.js';
import type { Head } from '../../store/store.js';
import type { FileCalls } from './calls.js';
import { MountGuard } from './mount-guard.js';
import { Pace } from './pace.js';
import { Shared } from './shared.js';

interface DiskOptions {
  readonly name: string;
  readonly root: string;
  readonly mount: boolean;
  readonly remote: boolean;
  readonly quick: FileCalls;
  readonly slow: FileCalls;
  readonly now: () => number;
}

/** A local disk answers in the same turn: a loop of such answers would let nobody else act, not even the writer it waits for. */
const BREATH_MS = 10;

/** Paths below one root, looked at so that "not there" can be believed. */
export class Disk {
  readonly name: string;
  readonly root: string;
  readonly remote: boolean;
  /** For bodies and for fsync, which would hold up everybody. */
  readonly slow: FileCalls;
  readonly #pace: Pace;
  readonly #guard: MountGuard | undefined;
  #breathed = monotonic();
  readonly #checks = new Shared(async () => this.#guard?.check());
  readonly #readings = new Shared(async (folder) => {
    const entries = await this.quick.readdir(folder);
    return entries && new Set(entries.map(({ name }) => name));
  });

  constructor({ name, root, mount, remote, quick, slow, now }: DiskOptions) {
    this.name = name;
    this.root = root;
    this.remote = remote;
    this.slow = slow;
    this.#pace = new Pace({ quick, slow, isSlow: remote, now });
    this.#guard = mount ? new MountGuard({ name, root, pace: this.#pace }) : undefined;
  }

  /** For what moves little: synchronous on local disks. */
  get quick(): FileCalls {
    return this.#pace.calls;
  }

  /** Each look is a round trip: many at once pay. */
  get isSlow(): boolean {
    return this.#pace.isSlow;
  }

  /** Between two calls: a turn for the others, where we had ours for long. */
  async breathe(): Promise<void> {
    if (this.isSlow || monotonic() - this.#breathed < BREATH_MS) return;
    await setImmediate();
    this.#breathed = monotonic();
  }

  path(key: string): string {
    return this.root === '/' ? `/${key}` : `${this.root}/${key}`;
  }

  /** What the path leads to; `undefined` is sure. */
  async lookUp(path: string): Promise<BigIntStats | undefined> {
    const stats = await this.quick.stat(path);
    if (stats !== undefined) {
      await this.checkFound(stats);
      return stats;
    }
    await this.checkMount();
    if (!this.remote) return undefined;
    // Network clients cache negative lookups (nfs(5), "lookupcache") and what they cache, stat believes. Reading the
    // folder asks the server.
    if (!(await this.isNamed(path))) return undefined;
    const again = await this.quick.stat(path);
    if (again !== undefined) return again;
    const link = await this.quick.lstat(path);
    if (link?.isSymbolicLink()) return undefined;
    if (!(await this.isNamed(path))) return undefined;
    const facts = { store: this.name, key: path, retryable: true };
    throw new StoreError(
      'store/unavailable',
      `${this.name}: ${path} is listed in its folder, yet cannot be found`,
      facts,
    );
  }

  /** Does the folder above, and each above that, name its child? */
  async isNamed(path: string): Promise<boolean> {
    const folder = dirname(path);
    if (folder === path) return true;
    const name = path.slice(folder === '/' ? 1 : folder.length + 1);
    let names = await this.#readings.answer(folder);
    if (names === undefined && path !== this.root && (await this.isNamed(folder)))
      names = await this.#readings.answer(folder);
    return names?.has(name) ?? false;
  }

  /** What a folder names; nothing if it is surely not there. */
  async namesIn(path: string): Promise<readonly Dirent[]> {
    const names = await this.quick.readdir(path);
    // An empty folder is also what is left where a mount was.
    if (names === undefined || names.length === 0) await this.checkMount();
    if (names !== undefined) return names;
    if (!this.remote || !(await this.lookUp(path))?.isDirectory()) return [];
    return (await this.quick.readdir(path)) ?? [];
  }

  async checkFound(stats: BigIntStats): Promise<void> {
    await this.#guard?.checkFound(stats);
  }

  /** Asked at every absence and before every write: a mount may go at any time. Costs nothing where none was promised. */
  async checkMount(): Promise<void> {
    if (this.#guard === undefined) return;
    await (this.isSlow ? this.#checks.answer(this.root) : this.#guard.check());
  }
}

export function headOf(key: string, stats: BigIntStats): Head {
  return {
    key,
    size: Number(stats.size),
    modifiedAt: timeOf(stats),
    file: {
      mtimeNs: String(stats.mtimeNs),
      ctimeNs: String(stats.ctimeNs),
      inode: String(stats.ino),
    },
  };
}

export function timeOf(stats: BigIntStats): number {
  return Number(stats.mtimeNs / 1_000_000n);
}

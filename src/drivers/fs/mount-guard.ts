import type { BigIntStats } from 'node:fs';
import { promises } from 'node:fs';
import { StoreError } from '../../core/error.js';
import { freshMountTable } from './mount-table.js';
import type { Pace } from './pace.js';

interface GuardOptions {
  readonly name: string;
  readonly root: string;
  readonly pace: Pace;
}

interface Seen {
  /** Of the root: another one is another file system, or the folder that the mount lay over. */
  readonly identity: string;
  readonly device: bigint;
  readonly isMountPoint: boolean;
}

/** Watches a mount that somebody else provides. Where it is missing, nothing can be said of what is in it. */
export class MountGuard {
  readonly #name: string;
  readonly #root: string;
  readonly #pace: Pace;
  #seen: Seen | undefined;

  constructor({ name, root, pace }: GuardOptions) {
    this.#name = name;
    this.#root = root;
    this.#pace = pace;
  }

  /** A file that was found: on the device of the mount it lies in it, and needs no look. Elsewhere it may lie below it. */
  async checkFound({ dev }: BigIntStats): Promise<void> {
    if (dev !== this.#seen?.device) await this.check();
  }

  /** Throws unless the mount is there, and is the one that was there before. One look where nothing has changed. */
  async check(): Promise<void> {
    // With a dot: a bare look at what is mounted on demand does not mount it, automount(8) and stat(2) AT_NO_AUTOMOUNT.
    const stats = await this.#pace.calls.stat(`${this.#root}/.`);
    if (!stats?.isDirectory()) throw this.#missing('is not there or no folder');
    const identity = `${stats.dev} ${stats.ino}`;
    if (this.#seen?.identity === identity) return;
    const isMountPoint = await this.#isMountPoint(stats.dev);
    // Many look at once, and another may have been the first meanwhile.
    if (this.#seen?.identity === identity) return;
    if (this.#seen === undefined) {
      // A folder stays when its mount goes. With something in it, it is what somebody chose to use in place of a mount.
      if (!isMountPoint && (await this.#pace.calls.readdir(this.#root))?.length === 0)
        throw this.#missing('is an empty folder, and nothing is mounted there');
      this.#seen = { identity, isMountPoint, device: stats.dev };
      return;
    }
    // What was mounted anew is the store from the next call on; what was only unmounted is none.
    const isBack = isMountPoint || !this.#seen.isMountPoint;
    if (isBack) this.#seen = { identity, isMountPoint, device: stats.dev };
    const what = isBack ? 'was mounted anew while it was in use' : 'was unmounted';
    const facts = { store: this.#name, retryable: true };
    throw new StoreError('store/unavailable', `${this.#name}: the mount ${this.#root} ${what}`, facts);
  }

  async #isMountPoint(device: bigint): Promise<boolean> {
    const above = await this.#pace.calls.stat(`${this.#root}/..`);
    if (above !== undefined && above.dev !== device) return true;
    // A bind mount can lie on the file system of its own contents: only the kernel's table tells.
    const path = await promises.realpath(this.#root).catch(() => this.#root);
    return freshMountTable()?.at(path)?.point === path;
  }

  #missing(what: string): StoreError {
    return new StoreError(
      'store/no-bucket',
      `${this.#name}: the mount ${this.#root} ${what}`,
      { store: this.#name },
      { hint: 'mount the volume; where a plain folder is meant in its place, put a file into it' },
    );
  }
}

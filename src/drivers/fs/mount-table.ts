import { readFileSync } from 'node:fs';
import { monotonic } from '../../store/monotonic.js';

export interface Mount {
  readonly id: string;
  readonly point: string;
  /** As in `ext4`, `nfs4`, `fuse.s3fs`. */
  readonly type: string;
}

/**
 * What is mounted where, as the kernel tells without asking any file system: a server that is away blocks whoever as much
 * as looks at its mount, for ever and beyond any signal. https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
 */
export class MountTable {
  #root: Mount | undefined;
  /** By the mount that it lies on, and where: what a later mount covers is not found, because nothing visible leads there. */
  readonly #mounts = new Map<string, Mount>();

  constructor(text: string) {
    const lines = text.split('\n').map((line) => line.split(' '));
    const ids = new Set(lines.map(([id]) => id));
    for (const [id = '', parent, , , place = '', ...rest] of lines) {
      const type = rest[rest.indexOf('-') + 1];
      if (type === undefined || !place.startsWith('/')) continue;
      const mount = { id, type, point: plain(place) };
      if (mount.point === '/' && (parent === undefined || parent === id || !ids.has(parent))) this.#root = mount;
      else this.#mounts.set(`${parent} ${mount.point}`, mount);
    }
  }

  /** The mount that a path without symbolic links lies on; undefined where the table does not reach. */
  at(path: string): Mount | undefined {
    if (this.#root === undefined) return undefined;
    let mount = this.#top(this.#root, '/');
    for (let slash = 1; slash > 0 && path !== '/'; ) {
      const next = path.indexOf('/', slash);
      mount = this.#top(mount, next < 0 ? path : path.slice(0, next));
      slash = next + 1;
    }
    return mount;
  }

  #top(mount: Mount, point: string): Mount {
    const above = this.#mounts.get(`${mount.id} ${point}`);
    return above === undefined ? mount : this.#top(above, point);
  }
}

/** Told in octal: space, tab, newline and backslash. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}

const FRESH_MS = 1_000;
let known: { readonly at: number; readonly table: MountTable | undefined } | undefined;

/** Of now or of a moment ago: ten thousand paths are not worth ten thousand readings. */
export function mountTable(): MountTable | undefined {
  const at = monotonic();
  if (known === undefined || at - known.at > FRESH_MS) known = { at, table: freshMountTable() };
  return known.table;
}

/** Undefined where there is none, as off Linux. */
export function freshMountTable(): MountTable | undefined {
  try {
    return new MountTable(readFileSync('/proc/self/mountinfo', 'utf8'));
  } catch {
    return undefined;
  }
}

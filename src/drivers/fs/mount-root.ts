import { lstatSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { staysAwake } from './file-system.js';
import { type Mount, type MountTable, mountTable } from './mount-table.js';

/**
 * The folder where the file system begins that an absolute path lies on, whether or not the path exists: each file
 * system is a store of its own, because NFS must be asked otherwise than a local disk.
 */
export function mountRoot(path: string, table = mountTable()): string {
  return lodging(path, table).root;
}

interface Lodging {
  /** Where its file system begins, as the path writes it. */
  readonly root: string;
  /** Its mount, if a look at it, or at a mount on the way, may block for ever. */
  readonly mayBlock: Mount | undefined;
}

/** Finds out where a path leads without a look at anything that may block. */
export function lodging(path: string, table: MountTable | undefined): Lodging {
  const way = new Way(table);
  let at = '/';
  let root = '/';
  let device = way.device;
  for (const name of path.split('/')) {
    if (name === '') continue;
    if (!way.enter(name)) break;
    at = at === '/' ? `/${name}` : `${at}/${name}`;
    if (way.device !== device) root = at;
    device = way.device;
  }
  return { root, mayBlock: way.mayBlock };
}

/** As the kernel does: https://man7.org/linux/man-pages/man7/path_resolution.7.html */
const MAX_LINKS = 40;

/** Goes down a path as the kernel would, links and all. On a mount that may block it takes names for folders. */
class Way {
  readonly #table: MountTable | undefined;
  #folder = '/';
  #links = 0;
  /** Undefined where nobody can tell: then the folder above speaks for it, and the look itself will say what is wrong. */
  device = deviceOf('/');
  mayBlock: Mount | undefined;

  constructor(table: MountTable | undefined) {
    this.#table = table;
  }

  /** False where there is no such folder. */
  enter(name: string): boolean {
    if (name === '' || name === '.') return true;
    const path = name === '..' ? dirname(this.#folder) : this.#folder === '/' ? `/${name}` : `${this.#folder}/${name}`;
    const mount = this.#table?.at(path);
    // Who runs at all can look at what is mounted at "/"; and what lies below a mount that blocks is reached through it.
    if (mount !== undefined && (this.mayBlock !== undefined || (mount.point !== '/' && !staysAwake(mount.type)))) {
      this.mayBlock = mount;
      this.#folder = path;
      this.device = `mount ${mount.id}`;
      return true;
    }
    try {
      const facts = lstatSync(path);
      if (facts.isSymbolicLink()) return this.#links++ < MAX_LINKS && this.#follow(readlinkSync(path));
      if (!facts.isDirectory()) return false;
      this.#folder = path;
      this.device = `device ${facts.dev}`;
      return true;
    } catch {
      return false;
    }
  }

  #follow(target: string): boolean {
    if (target.startsWith('/')) {
      this.#folder = '/';
      this.device = deviceOf('/');
    }
    return target.split('/').every((name) => this.enter(name));
  }
}

function deviceOf(path: string): string | undefined {
  try {
    return `device ${lstatSync(path).dev}`;
  } catch {
    return undefined;
  }
}

import { readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import type { Config } from '../core/config.js';
import { StoreError } from '../core/error.js';
import { formatLocation, isTree, type Location } from '../core/location.js';

export interface Naming {
  readonly stores: Config['stores'];
  readonly folder: string;
  /** The cache's own folder, where it is one. */
  readonly cacheFolder?: string;
}

/**
 * What a place is called in keys' logs and records, whoever mounts it where: a volume by its claim, a local path relative
 * to the cache if both are on one file system, else by this machine.
 */
export function placeId(location: Location, { stores, folder, cacheFolder }: Naming): string {
  if (location.kind !== 'file') return formatLocation(location);
  const slash = isTree(location) ? '/' : '';
  const path = resolve(folder, location.path);
  for (const [name, setting] of Object.entries(stores)) {
    if (setting.kind !== 'mount') continue;
    const below = relative(setting.mount, path);
    if (below !== '..' && !below.startsWith(`..${sep}`) && below !== path)
      return `${name}/${below}${below === '' ? '' : slash}`;
  }
  if (cacheFolder !== undefined && deviceOf(path) === deviceOf(cacheFolder))
    return `cache:${relative(cacheFolder, path)}${slash}`;
  return `machine:${machine()}:${path}${slash === '/' && path === '/' ? '' : slash}`;
}

/** Where such a place lies on a disk of this machine; undefined where it does not. */
export function diskPathOf(id: string, { stores, cacheFolder }: Omit<Naming, 'folder'>): string | undefined {
  const own = `machine:${machine()}:`;
  if (id.startsWith(own)) return resolve(id.slice(own.length));
  if (id.startsWith('cache:')) return cacheFolder && resolve(cacheFolder, id.slice('cache:'.length));
  for (const [name, setting] of Object.entries(stores))
    if (setting.kind === 'mount' && id.startsWith(`${name}/`)) return resolve(setting.mount, id.slice(name.length + 1));
  return undefined;
}

/** Of the nearest folder that is there. */
function deviceOf(path: string): number | undefined {
  for (let at = path; ; at = dirname(at)) {
    const device = deviceAt(at);
    if (device !== undefined) return device;
    if (at === dirname(at)) return undefined;
  }
}

/** A place that cannot be asked has no name: another one's log would speak for it. */
function deviceAt(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.dev;
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const message = `${path}: nobody can tell which file system it lies on (${code} in stat)`;
    throw new StoreError('store/unavailable', message, { store: path, status: code }, { cause: error });
  }
}

let known: string | undefined;

function machine(): string {
  known ??=
    ['/etc/machine-id', '/var/lib/dbus/machine-id', '/etc/hostname'].map(textOf).find((text) => text !== '') ??
    'unknown';
  return known;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

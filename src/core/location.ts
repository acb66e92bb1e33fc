import { ConfigError } from './error.js';

/**
 * A place, as people write it: `s3://bucket/key`, `pvc://claim/path`, or a path on this machine.
 * One that ends in `/` (or names a whole bucket) is a tree; any other is a single object or file.
 */
export type Location = S3Location | VolumeLocation | FileLocation;
export interface S3Location {
  readonly kind: 's3';
  readonly bucket: string;
  /** Exactly as written after the bucket's slash: `a//b` is never collapsed. */
  readonly key: string;
}
export interface VolumeLocation {
  readonly kind: 'volume';
  readonly volume: string;
  readonly path: string;
}
export interface FileLocation {
  readonly kind: 'file';
  /** As written: absolute, or relative to the folder that the caller knows. */
  readonly path: string;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const VOLUME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

export function parseLocation(text: string): Location {
  if (text === '') throw bad(text, 'an empty location names no place');
  if (text.includes('\0')) throw bad(text, 'a location cannot hold a NUL character');
  if (!text.isWellFormed()) throw bad(text, 'a location must be valid Unicode (it holds a lone surrogate)');
  const match = SCHEME.exec(text);
  if (!match) return { kind: 'file', path: text };
  const [, scheme = '', rest = ''] = match;
  switch (scheme.toLowerCase()) {
    case 's3':
    case 's3a':
    case 's3n':
      return parseS3(text, rest);
    case 'pvc':
      return parseVolume(text, rest);
    case 'file':
      if (!rest.startsWith('/')) throw bad(text, 'a file:// location is absolute', 'write file:///path');
      return { kind: 'file', path: rest };
    default:
      throw bad(
        text,
        `Stepaside knows no store "${scheme}://"`,
        'use s3://bucket/key, pvc://claim/path or a plain path',
      );
  }
}

function parseS3(text: string, rest: string): S3Location {
  const slash = rest.indexOf('/');
  const bucket = slash < 0 ? rest : rest.slice(0, slash);
  if (!BUCKET.test(bucket)) throw bad(text, `"${bucket}" is no bucket name`, 'write s3://bucket/key');
  return { kind: 's3', bucket, key: slash < 0 ? '' : rest.slice(slash + 1) };
}

function parseVolume(text: string, rest: string): VolumeLocation {
  const slash = rest.indexOf('/');
  const volume = slash < 0 ? rest : rest.slice(0, slash);
  if (!VOLUME.test(volume)) throw bad(text, `"${volume}" is no volume name`, 'write pvc://claim/path');
  const path = slash < 0 ? '' : rest.slice(slash + 1);
  if (path.split('/').includes('..')) throw bad(text, 'a volume path cannot climb out with ".."');
  return { kind: 'volume', volume, path };
}

function bad(text: string, why: string, hint?: string): ConfigError {
  return new ConfigError('config/bad-location', `${JSON.stringify(text)}: ${why}`, hint === undefined ? {} : { hint });
}

/** The one way a place is written in messages, keys and records. */
export function formatLocation(location: Location): string {
  switch (location.kind) {
    case 's3':
      return `s3://${location.bucket}/${location.key}`;
    case 'volume':
      return `pvc://${location.volume}/${location.path}`;
    case 'file':
      return location.path;
    default:
      return location satisfies never;
  }
}

export function isTree(location: Location): boolean {
  const path = location.kind === 's3' ? location.key : location.path;
  return path.endsWith('/') || (path === '' && location.kind !== 'file');
}

/** The place `name` below a tree; a full URI stands for itself. */
export function locationBelow(tree: Location, name: string): Location {
  if (SCHEME.test(name) || name.startsWith('/')) return parseLocation(name);
  switch (tree.kind) {
    case 's3':
      return { ...tree, key: tree.key + name };
    case 'volume':
    case 'file':
      return { ...tree, path: tree.path + name };
    default:
      return tree satisfies never;
  }
}

/** True if `inner` is `outer` itself or, where `outer` is a tree, lies in it. Both must be resolved alike. */
export function contains(outer: Location, inner: Location): boolean {
  const a = formatLocation(outer);
  const b = formatLocation(inner);
  return a === b || (isTree(outer) && b.startsWith(a));
}

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
/** `s3:/x`, `s3//x`, ` s3://x`: taken for file names they would be surely absent, and some step would run for ever. */
const MISSPELT = /^\s*(s3[an]?|pvc)(:\/?(?!\/)|\/\/)|^\s+[A-Za-z0-9+.-]+:\/\//i;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const VOLUME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

export function parseLocation(text: string): Location {
  if (text === '') throw bad(text, 'an empty location names no place');
  if (text.includes('\0')) throw bad(text, 'a location cannot hold a NUL character');
  if (!text.isWellFormed()) throw bad(text, 'a location must be valid Unicode (it holds a lone surrogate)');
  if (MISSPELT.test(text))
    throw bad(
      text,
      'this looks like a URI and is none',
      'write s3://bucket/key or pvc://claim/path, without spaces around it',
    );
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
  if (!BUCKET.test(bucket))
    throw bad(text, `"${bucket.replace(/^.*@/s, '***@')}" is no bucket name`, 'write s3://bucket/key');
  return { kind: 's3', bucket, key: slash < 0 ? '' : rest.slice(slash + 1) };
}

function parseVolume(text: string, rest: string): VolumeLocation {
  const slash = rest.indexOf('/');
  const volume = slash < 0 ? rest : rest.slice(0, slash);
  if (!VOLUME.test(volume))
    throw bad(text, `"${volume.replace(/^.*@/s, '***@')}" is no volume name`, 'write pvc://claim/path');
  const path = slash < 0 ? '' : rest.slice(slash + 1);
  if (path.split('/').includes('..')) throw bad(text, 'a volume path cannot climb out with ".."');
  // On S3 `a//b` is a name like any other; a file system would make `a/b` of it, and one place would have two names.
  if (/(?:^|\/)\.?\/|(?:^|\/)\.$/.test(path)) throw bad(text, 'a volume path has no empty segments and no "."');
  return { kind: 'volume', volume, path };
}

/** As a message may repeat it: before "@" stands a password, behind "?" of a web address a signature, behind "#" a token. */
function withoutSecrets(text: string): string {
  const anonymous = text.replace(/(:\/*)[^/?#]*@/, '$1***@');
  return /^\s*https?:/i.test(text) ? anonymous.replace(/([?#]).*$/s, '$1***') : anonymous;
}

function bad(text: string, why: string, hint?: string): ConfigError {
  return new ConfigError(
    'config/bad-location',
    `${JSON.stringify(withoutSecrets(text))}: ${why}`,
    hint === undefined ? {} : { hint },
  );
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

/** The place of a marker: a name below the tree, or a full URI. A path of this machine goes only with a tree on it. */
export function locationBelow(tree: Location, name: string): Location {
  const whole = SCHEME.test(name) || (name.startsWith('/') && tree.kind === 'file');
  const why = whole ? undefined : faultOfName(name, tree.kind);
  if (why !== undefined)
    throw new ConfigError('config/bad-marker', `marker ${JSON.stringify(name)}: ${why}`, {
      hint: 'a name below the tree, as in _SUCCESS, or a full URI',
    });
  if (whole) return parseLocation(name);
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

function faultOfName(name: string, kind: Location['kind']): string | undefined {
  if (name === '') return 'a marker needs a name';
  if (name.startsWith('/')) return 'an absolute path is no name below this tree';
  if (name.endsWith('/')) return 'a marker is an object, not a tree';
  if (name.split('/').some((segment) => segment === '.' || segment === '..'))
    return 'a marker outside its tree proves nothing about it';
  if (kind !== 's3' && name.includes('//')) return 'a path has no empty segments';
  return undefined;
}

/** True if `inner` is `outer` itself or, where `outer` is a tree, lies in it. Both must be resolved alike. */
export function contains(outer: Location, inner: Location): boolean {
  const a = formatLocation(outer);
  const b = formatLocation(inner);
  return a === b || (isTree(outer) && b.startsWith(a));
}

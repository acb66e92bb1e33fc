import type { PathQuestion } from '../core/condition.js';
import { ConfigError } from '../core/error.js';
import { isTree, type Location, locationBelow, parseLocation } from '../core/location.js';
import { type MarkerWant, OUR_MARKER } from '../core/marker.js';
import { isPart, type Part } from '../core/parts.js';
import type { Policy } from '../core/policy.js';
import { judgeSight, type PlaceSeen, type Sighting } from '../core/sighting.js';
import type { Output } from '../core/step.js';
import { look } from './look.js';
import type { Places } from './places.js';
import { runProbe } from './run-probe.js';

/** What a condition, or `check LOCATION`, asks: is it there? */
export async function askPresence(places: Places, question: PathQuestion): Promise<Sighting> {
  if ('glob' in question) {
    const { tree, pattern } = splitGlob(question.glob);
    return askGlob(places, parseLocation(tree), { ...question, pattern });
  }
  return askPath(places, question.path, {
    ...(question.marker !== undefined && { marker: question.marker }),
    ...(question.content !== undefined
      ? { want: { match: 'content', content: question.content } as const }
      : question.marker !== undefined && { want: { match: 'presence' } as const }),
  });
}

/** Is it there; or, with `want`, does its marker (without `marker`: the object itself) say what it should? */
export async function askPath(
  places: Places,
  path: string,
  { marker: name, want }: { readonly marker?: string; readonly want?: MarkerWant },
): Promise<Sighting> {
  const location = parseLocation(path);
  const marker = want && markerOf(location, name);
  const seen = await look(places, { location, ask: 'presence', ...(marker && { marker }) });
  return judgeSight(seen, { ask: 'presence', ...(want && { marker: want }) });
}

export async function askGlob(
  places: Places,
  location: Location,
  { pattern, min, minBytes }: { readonly pattern: string; readonly min: number; readonly minBytes?: number },
): Promise<Sighting> {
  if (pattern.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new ConfigError('config/bad-glob', `${JSON.stringify(pattern)}: a pattern names what lies below its tree`, {
      hint: 'leave out "./", and name the folder in the location',
    });
  }
  const bytes = minBytes === undefined ? {} : { minBytes };
  const seen = await look(places, { location, ask: 'presence', glob: { pattern, min, ...bytes } });
  return judgeSight(seen, { ask: 'presence', min, ...bytes });
}

export interface SeenOutput {
  readonly sighting: Sighting;
  /** Without the excluded names; undefined for a probe and where nobody can tell. */
  readonly parts?: readonly Part[];
}

export interface AskOutput {
  readonly policy: Policy;
  /** Undefined: not known yet, so a marker that must carry it cannot be judged. */
  readonly key?: string;
  readonly folder: string;
}

/** What an output of a step must answer: may it be taken for finished? */
export async function askOutput(
  places: Places,
  output: Output,
  { policy, key, folder }: AskOutput,
): Promise<SeenOutput> {
  if (output.probe !== undefined) return { sighting: await runProbe(output.name, output.probe, folder) };
  const location = parseLocation(output.path ?? '');
  const want = wantOf(output, key);
  if (want === 'unknown-key') {
    const doubt = { code: 'key/pending', message: 'its marker must carry the key, and the key is not known yet' };
    return { sighting: { uri: output.path ?? '', state: 'unknown', why: doubt.message, doubt } };
  }
  const marker = want && markerOf(location, output.marker ?? OUR_MARKER);
  const seen = await look(places, { location, ask: 'completeness', ...(marker && { marker }) });
  const sighting = judgeSight(seen, {
    ask: 'completeness',
    atomic: output.atomic,
    outdatedMarker: output.outdatedMarker ?? policy.outdatedMarker,
    ...(want && { marker: want }),
    ...(output.min !== undefined && { min: output.min }),
    ...(output.minBytes !== undefined && { minBytes: output.minBytes }),
  });
  return seen.doubt || !seen.parts ? { sighting } : { sighting, parts: partsOf(seen, seen.parts) };
}

function wantOf(output: Output, key: string | undefined): MarkerWant | 'unknown-key' | undefined {
  if (output.content !== undefined) return { match: 'content', content: output.content };
  if (output.match === undefined) return output.marker === undefined ? undefined : { match: 'presence' };
  if (key === undefined) return 'unknown-key';
  return { match: output.match, key };
}

function partsOf(seen: PlaceSeen, parts: readonly Part[]): readonly Part[] {
  return seen.kind === 'object' ? parts : parts.filter((part) => isPart(part.path, seen.markerPath));
}

/** A marker's name is relative to a tree; of an object it is a full URI, or the object is its own marker. */
export function markerOf(location: Location, name: string | undefined): Location {
  if (name === undefined) return location;
  if (isTree(location)) return locationBelow(location, name);
  if (name.includes('://') || name.startsWith('/')) return parseLocation(name);
  throw new ConfigError('config/bad-marker', `a marker named ${name} needs a tree to be in`, {
    hint: 'end the location in "/", or give the marker as a full URI',
  });
}

/** `s3://lake/raw/dt=*\/x` -> the tree before the first character with a meaning, and the pattern below it. */
export function splitGlob(glob: string): { readonly tree: string; readonly pattern: string } {
  const scheme = /^[a-z0-9]+:\/\/[^/]*\//i.exec(glob)?.[0] ?? '';
  const special = glob.slice(scheme.length).search(/[*?[\]{}\\]/);
  const end = special < 0 ? glob.length : scheme.length + special;
  const slash = glob.lastIndexOf('/', end - 1) + 1;
  const tree = glob.slice(0, Math.max(slash, scheme.length));
  return { tree: tree === '' ? './' : tree, pattern: glob.slice(Math.max(slash, scheme.length)) };
}

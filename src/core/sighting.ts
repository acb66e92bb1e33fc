import type { MarkerContents, MarkerWant } from './marker.js';
import { matchMarker } from './marker.js';
import { counts, inProgressSign, isPart, type Part } from './parts.js';

/** What a place looks like. Only `present` is good evidence; `unknown` is neither there nor not there. */
export const STATES = ['present', 'absent', 'partial', 'outdated', 'archived', 'unverified', 'unknown'] as const;
export type State = (typeof STATES)[number];

/** Why nobody can tell: a StoreError as data. */
export interface Doubt {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export type MarkerSeen =
  | {
      readonly seen: 'there';
      readonly modifiedAt: number;
      readonly archived?: boolean;
      readonly contents: MarkerContents;
    }
  | { readonly seen: 'gone' }
  | { readonly seen: 'doubt'; readonly doubt: Doubt };

/** What a look brings back, unjudged. */
export interface PlaceSeen {
  readonly uri: string;
  readonly kind: 'object' | 'tree';
  /** S3 shows an object whole or not at all; a file may still be growing. */
  readonly atomicObjects: boolean;
  /** Everything below the place (or the object itself, path ''). Undefined: it was not listed, only its marker was asked for. */
  readonly parts?: readonly Part[];
  /** The look ended as soon as it had seen enough: there may be more parts than these. */
  readonly more?: boolean;
  /** A small object's own contents: it may be a marker although nobody called it one. */
  readonly contents?: MarkerContents;
  readonly doubt?: Doubt;
  readonly markerUri?: string;
  /** The marker's path relative to the tree, where it lies inside. */
  readonly markerPath?: string;
  readonly marker?: MarkerSeen;
  /** Signs of a writer at work that are not among the parts: open multipart uploads, or what lies in `_temporary/`. */
  readonly signs?: readonly { readonly name: string; readonly modifiedAt: number }[];
  /** E.g. "a folder stands here": what a person should know. */
  readonly note?: string;
}

/** What is asked of a place. `presence`: is anything there? `completeness`: may it be taken for finished? */
export interface Question {
  readonly ask: 'presence' | 'completeness';
  readonly marker?: MarkerWant;
  readonly min?: number;
  readonly minBytes?: number;
  readonly atomic?: boolean;
  readonly outdatedMarker?: 'run' | 'ignore';
}

export interface Sighting {
  readonly uri: string;
  readonly state: State;
  /** One sentence for people. */
  readonly why: string;
  readonly parts?: number;
  readonly bytes?: number;
  readonly etag?: string;
  readonly modifiedAt?: number;
  readonly marker?: {
    readonly uri: string;
    readonly kind: MarkerContents['kind'];
    readonly modifiedAt: number;
    readonly jobId?: string;
  };
  /** The marker proves `key`, not only presence. */
  readonly carriesKey?: boolean;
  /** Asked for a marker, and that marker is surely not there. */
  readonly markerGone?: boolean;
  /** Somebody is writing here, or died writing. */
  readonly inProgress?: string;
  readonly doubt?: Doubt;
}

/** The one judgement of what lies at a place. Pure: the same sight, the same answer. */
export function judgeSight(place: PlaceSeen, question: Question): Sighting {
  const say = sayer(place);
  if (place.doubt) return say('unknown', place.doubt.message, { doubt: place.doubt });
  return question.marker ? byMarker(place, question, question.marker, say) : byParts(place, question, say);
}

const UNCOUNTED =
  'nothing that counts is there: names with a segment that begins with _ or . do not, nor do folders’ placeholders';
const CLAIM = 'its marker is a claim: a run began here and has not ended';
const FAILED = 'its marker says success: false';
const BROKEN: Doubt = {
  code: 'marker/broken',
  message: 'its marker begins as JSON and ends as none: it was cut short, or is being written',
  hint: 'look again in a moment; if it stays so, the run that wrote it did not end well',
};

type Say = (state: State, why: string, more?: Partial<Sighting>) => Sighting;

function sayer(place: PlaceSeen): Say {
  const counting = place.parts?.filter((part) => isPart(part.path, place.markerPath) && counts(part));
  const single = place.kind === 'object' ? place.parts?.[0] : undefined;
  const facts = {
    uri: place.uri,
    ...(counting && !place.more ? { parts: counting.length, bytes: totalBytes(counting) } : {}),
    ...(single?.etag === undefined ? {} : { etag: single.etag }),
    ...(single ? { modifiedAt: single.modifiedAt } : {}),
    ...markerFacts(place),
  };
  return (state, why, more) => ({ ...facts, state, why: place.note ? `${why}; ${place.note}` : why, ...more });
}

function markerFacts(place: PlaceSeen): Partial<Sighting> {
  const { marker, markerUri } = place;
  if (marker?.seen !== 'there' || markerUri === undefined) return {};
  const jobId = marker.contents.kind === 'hadoop' ? marker.contents.jobId : undefined;
  return {
    marker: {
      uri: markerUri,
      kind: marker.contents.kind,
      modifiedAt: marker.modifiedAt,
      ...(jobId === undefined ? {} : { jobId }),
    },
  };
}

function byMarker(place: PlaceSeen, question: Question, want: MarkerWant, say: Say): Sighting {
  const { marker } = place;
  if (!marker || marker.seen === 'doubt') {
    const doubt = marker?.doubt ?? { code: 'internal', message: 'the marker was not looked at' };
    return say('unknown', `its marker: ${doubt.message}`, { doubt });
  }
  if (marker.seen === 'gone') {
    const sign = newestSign(place);
    if (sign)
      return say('partial', `no marker, and ${sign.name} shows that somebody is writing or died writing`, {
        markerGone: true,
        inProgress: sign.name,
      });
    const some = place.parts?.some((part) => isPart(part.path, place.markerPath) && counts(part));
    if (some && place.kind === 'tree')
      return say('partial', 'there are parts, but no marker says that they are all', { markerGone: true });
    return say('absent', 'its marker is not there', { markerGone: true });
  }
  if (marker.archived)
    return say('archived', 'its marker is in an archive class: it must be restored before it can be read');
  const verdict = matchMarker(marker.contents, want);
  if (!verdict.ok) {
    switch (verdict.why) {
      case 'running':
        return say('partial', CLAIM);
      case 'failed':
        return say('absent', FAILED);
      case 'broken':
        return say('unknown', BROKEN.message, { doubt: BROKEN });
      case 'other':
        return say('absent', `its marker is there but says something else${describeOther(marker.contents)}`);
      default:
        return verdict.why satisfies never;
    }
  }
  const sign = newestSign(place);
  if (sign && !newer(marker.modifiedAt, sign.modifiedAt)) {
    return say('partial', `${sign.name} is as new as the marker or newer: somebody is writing, or died writing`, {
      inProgress: sign.name,
    });
  }
  return completed(place, question, marker.modifiedAt, { carriesKey: verdict.carriesKey }, say);
}

/** The marker is good: what can still be wrong with what it vouches for? */
function completed(
  place: PlaceSeen,
  question: Question,
  markerTime: number,
  proof: Partial<Sighting>,
  say: Say,
): Sighting {
  const parts = place.parts?.filter((part) => isPart(part.path, place.markerPath)) ?? [];
  const archived = parts.find((part) => part.archived);
  if (archived) return say('archived', `${nameOf(place, archived)} is in an archive class`);
  if (question.ask === 'completeness') {
    if (place.kind === 'object' && parts.length === 0) return say('absent', 'its marker is there, the object is not');
    const short = shortOf(parts.filter(counts), question);
    if (short) return say('partial', short);
    const newest = parts.reduce<Part | undefined>(
      (a, b) => ((a && a.modifiedAt >= b.modifiedAt) || isChecksumOf(place.markerPath, b.path) ? a : b),
      undefined,
    );
    if (newest && newer(newest.modifiedAt, markerTime)) {
      const why = `its marker is older than ${nameOf(place, newest)}`;
      return question.outdatedMarker === 'ignore'
        ? say('present', `marker there (${why}, which the policy ignores)`, proof)
        : say('outdated', why);
    }
  }
  return say('present', 'its marker is there', proof);
}

function byParts(place: PlaceSeen, question: Question, say: Say): Sighting {
  const parts = place.parts?.filter((part) => isPart(part.path, place.markerPath)) ?? [];
  const counting = parts.filter(counts);
  if (place.kind === 'object') {
    const [object] = place.parts ?? [];
    if (!object) return say('absent', 'it is not there');
    if (object.archived) return say('archived', 'it is in an archive class: it must be restored before it can be read');
    const own = place.contents && matchMarker(place.contents, { match: 'presence' });
    if (own?.ok === false) {
      if (own.why === 'broken') return say('unknown', BROKEN.message, { doubt: BROKEN });
      return own.why === 'running' ? say('partial', CLAIM) : say('absent', FAILED);
    }
    if (question.ask === 'presence') return say('present', 'it is there');
    const sign = place.signs?.find((u) => newer(u.modifiedAt, object.modifiedAt));
    if (sign)
      return say('partial', `${sign.name} is newer than the object: somebody is writing`, { inProgress: sign.name });
    const short = shortOf([object], question);
    if (short) return say('partial', short);
    if (place.atomicObjects) return say('present', 'it is there, and this store shows an object whole or not at all');
    return bareProof(question, say);
  }
  if (question.ask === 'presence') {
    const short = shortOf(counting, { ...question, min: question.min ?? 1 });
    if (!short) {
      const archived = counting.find((part) => part.archived);
      return archived
        ? say('archived', `${nameOf(place, archived)} is in an archive class`)
        : say(
            'present',
            place.more
              ? question.min === undefined
                ? 'it holds something'
                : 'as much as was asked for is there'
              : plural(counting.length),
          );
    }
    if (counting.length > 0) return say('partial', short);
    return say('absent', parts.length === 0 ? 'nothing is there' : UNCOUNTED);
  }
  const sign = newestSign(place);
  if (sign)
    return say('partial', `${sign.name} shows that somebody is writing or died writing`, { inProgress: sign.name });
  if (counting.length === 0) return say('absent', parts.length === 0 ? 'nothing is there' : UNCOUNTED);
  const archived = parts.find((part) => part.archived);
  if (archived) return say('archived', `${nameOf(place, archived)} is in an archive class`);
  const short = shortOf(counting, question);
  return short ? say('partial', short) : bareProof(question, say);
}

/** Without a marker only these prove that what is there is all there is. */
function bareProof(question: Question, say: Say): Sighting {
  if (question.atomic) return say('present', 'it is there, and its author says that it appears all at once');
  if (question.min !== undefined && question.minBytes !== undefined)
    return say('present', 'as many parts and bytes as its author asks for');
  return say(
    'unverified',
    'something is there, but nothing says that it is complete: declare a marker, min with minBytes, or atomic: true',
  );
}

function shortOf(counting: readonly Part[], { min, minBytes }: Pick<Question, 'min' | 'minBytes'>): string | undefined {
  if (min !== undefined && counting.length < min) return `${counting.length} of at least ${min} parts are there`;
  const bytes = totalBytes(counting);
  if (minBytes !== undefined && bytes < minBytes) return `${bytes} of at least ${minBytes} bytes are there`;
  return undefined;
}

function newestSign(place: PlaceSeen): { readonly name: string; readonly modifiedAt: number } | undefined {
  const signs = [...(place.signs ?? [])];
  for (const part of place.parts ?? []) {
    const name = inProgressSign(part.path);
    if (name) signs.push({ name: `${name}/`, modifiedAt: part.modifiedAt });
  }
  return signs.reduce<(typeof signs)[number] | undefined>(
    (a, b) => (a && a.modifiedAt >= b.modifiedAt ? a : b),
    undefined,
  );
}

/** Some servers give whole seconds, some milliseconds, one server both: compare what both sides know. */
/** Hadoop closes a file before its checksum: the marker's own is always the younger of the two. */
function isChecksumOf(marker: string | undefined, path: string): boolean {
  return marker !== undefined && path === marker.replace(/[^/]*$/, '.$&.crc');
}

function newer(a: number, b: number): boolean {
  const coarse = a % 1000 === 0 || b % 1000 === 0;
  return coarse ? Math.floor(a / 1000) > Math.floor(b / 1000) : a > b;
}

function totalBytes(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + part.size, 0);
}

function nameOf(place: PlaceSeen, part: Part): string {
  return part.path === '' ? place.uri : part.path;
}

function plural(n: number): string {
  return n === 1 ? '1 part is there' : `${n} parts are there`;
}

const SHOWN = 80;

function describeOther(contents: MarkerContents): string {
  switch (contents.kind) {
    case 'empty':
      return ': it is empty';
    case 'text': {
      const line = contents.text.trimEnd();
      return `: ${JSON.stringify(line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line)}`;
    }
    case 'stepaside':
      return `: key ${contents.key ?? 'none'}`;
    case 'hadoop':
      return ': a Hadoop marker, which carries no key';
    case 'broken':
      return ': JSON that was cut short';
    case 'opaque':
      return ': bytes that are no text, or too many';
    default:
      return contents satisfies never;
  }
}

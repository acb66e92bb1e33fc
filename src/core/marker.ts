/** An object whose presence and contents prove an output complete, recognised by its bytes. */

export type MarkerContents =
  /** Hadoop's classic committer and `touch`: it says "done" and nothing else. */
  | { readonly kind: 'empty' }
  /** https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/committer_architecture.html (S3A and manifest committers) */
  | {
      readonly kind: 'hadoop';
      readonly text: string;
      readonly success: boolean;
      readonly jobId?: string;
      readonly timestamp?: number;
      readonly committer?: string;
    }
  /** Ours. `running` is a claim: somebody is at work here. */
  | {
      readonly kind: 'stepaside';
      readonly text: string;
      readonly state: 'running' | 'complete';
      readonly key?: string;
      readonly attempt?: number;
    }
  | { readonly kind: 'text'; readonly text: string }
  /** It begins as a JSON object and ends as none: cut short, or still being written. */
  | { readonly kind: 'broken'; readonly text: string }
  /** Too large to be read, or no UTF-8: something is there, and it carries no key. */
  | { readonly kind: 'opaque' };

/** S3A markers with statistics reach some 100 KiB; nothing that carries a key is larger than this. */
export const MAX_MARKER_BYTES = 1024 * 1024;

export const OUR_MARKER = '_stepaside.json';
const HADOOP_NAME = 'org.apache.hadoop.fs.s3a.commit.files.SuccessData/1';

export function recogniseMarker(text: string): MarkerContents {
  if (text === '') return { kind: 'empty' };
  const json = parseObject(text);
  if (json === 'broken') return { kind: 'broken', text };
  // The manifest committer says `success`; S3A's says nothing and means true. Whoever says false means it.
  if (json?.['name'] === HADOOP_NAME || json?.['success'] === false) {
    const { success = true } = json;
    if (typeof success !== 'boolean') return { kind: 'broken', text };
    return {
      kind: 'hadoop',
      text,
      success,
      ...pick(json, 'jobId', 'string'),
      ...pick(json, 'timestamp', 'number'),
      ...pick(json, 'committer', 'string'),
    };
  }
  if (json && typeof json['v'] === 'number' && (json['state'] === 'running' || json['state'] === 'complete')) {
    return {
      kind: 'stepaside',
      text,
      state: json['state'],
      ...pick(json, 'key', 'string'),
      ...pick(json, 'attempt', 'number'),
    };
  }
  return { kind: 'text', text };
}

/** Windows tools put a byte order mark before their JSON; it changes nothing of what the JSON says. */
function parseObject(text: string): Record<string, unknown> | 'broken' | undefined {
  const json = text.replace(/^\uFEFF/, '').trim();
  if (!json.startsWith('{')) return undefined;
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    return 'broken';
  }
}

function pick<N extends string, T extends 'string' | 'number'>(json: Record<string, unknown>, name: N, type: T) {
  return (typeof json[name] === type ? { [name]: json[name] } : {}) as {
    [K in N]?: T extends 'string' ? string : number;
  };
}

/** What is asked of a marker: presence, exact contents, the key (as its contents or in our JSON), or our JSON for the key. */
export type MarkerWant =
  | { readonly match: 'presence' }
  | { readonly match: 'content'; readonly content: string }
  | { readonly match: 'key'; readonly key: string }
  | { readonly match: 'stepaside'; readonly key: string };

export type MarkerVerdict =
  | { readonly ok: true; readonly carriesKey: boolean }
  /**
   * `running`: a claim, under every policy. `failed`: the committer itself says so. `broken`: nobody can tell what it
   * says. `other`: it says something else.
   */
  | { readonly ok: false; readonly why: 'running' | 'failed' | 'broken' | 'other' };

export function matchMarker(contents: MarkerContents, want: MarkerWant): MarkerVerdict {
  if (contents.kind === 'stepaside' && contents.state === 'running') return { ok: false, why: 'running' };
  if (contents.kind === 'hadoop' && !contents.success) return { ok: false, why: 'failed' };
  switch (want.match) {
    case 'presence':
      return contents.kind === 'broken' ? { ok: false, why: 'broken' } : { ok: true, carriesKey: false };
    case 'content':
      return sameContent(contents, want.content) ? { ok: true, carriesKey: false } : otherwise(contents);
    case 'key':
      return sameContent(contents, want.key) || isOurs(contents, want.key)
        ? { ok: true, carriesKey: true }
        : otherwise(contents);
    case 'stepaside':
      return isOurs(contents, want.key) ? { ok: true, carriesKey: true } : otherwise(contents);
    default:
      return want satisfies never;
  }
}

function isOurs(contents: MarkerContents, key: string): boolean {
  return contents.kind === 'stepaside' && contents.key === key;
}

function otherwise(contents: MarkerContents): MarkerVerdict {
  return { ok: false, why: contents.kind === 'broken' ? 'broken' : 'other' };
}

/** One trailing newline is ignored, since `echo` writes it; a wanted empty content means an empty file. */
function sameContent(contents: MarkerContents, wanted: string): boolean {
  if (contents.kind === 'empty') return wanted === '';
  if (contents.kind === 'opaque' || wanted === '') return false;
  return contents.text === wanted || contents.text === `${wanted}\n` || contents.text === `${wanted}\r\n`;
}

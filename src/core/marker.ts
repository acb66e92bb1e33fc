/** An object whose presence and contents prove an output complete, recognised by its bytes. */

export type MarkerContents =
  /** Hadoop's classic committer and `touch`: it says "done" and nothing else. */
  | { readonly kind: 'empty' }
  /** https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/committer_architecture.html (S3A and manifest committers) */
  | {
      readonly kind: 'hadoop';
      readonly success: boolean;
      readonly jobId?: string;
      readonly timestamp?: number;
      readonly committer?: string;
    }
  /** Ours. `running` is a claim: somebody is at work here. */
  | {
      readonly kind: 'stepaside';
      readonly state: 'running' | 'complete';
      readonly key?: string;
      readonly attempt?: number;
    }
  | { readonly kind: 'text'; readonly text: string }
  /** Too large to be read, or no UTF-8: something is there, and it carries no key. */
  | { readonly kind: 'opaque' };

/** S3A markers with statistics reach some 100 KiB; nothing that carries a key is larger than this. */
export const MAX_MARKER_BYTES = 1024 * 1024;

export const OUR_MARKER = '_stepaside.json';
const HADOOP_NAME = 'org.apache.hadoop.fs.s3a.commit.files.SuccessData/1';

export function recogniseMarker(text: string): MarkerContents {
  if (text === '') return { kind: 'empty' };
  const json = parseObject(text);
  if (json?.['name'] === HADOOP_NAME) {
    return {
      kind: 'hadoop',
      success: json['success'] !== false,
      ...pick(json, 'jobId', 'string'),
      ...pick(json, 'timestamp', 'number'),
      ...pick(json, 'committer', 'string'),
    };
  }
  if (json && typeof json['v'] === 'number' && (json['state'] === 'running' || json['state'] === 'complete')) {
    return {
      kind: 'stepaside',
      state: json['state'],
      ...pick(json, 'key', 'string'),
      ...pick(json, 'attempt', 'number'),
    };
  }
  return { kind: 'text', text };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function pick<N extends string, T extends 'string' | 'number'>(json: Record<string, unknown>, name: N, type: T) {
  return (typeof json[name] === type ? { [name]: json[name] } : {}) as {
    [K in N]?: T extends 'string' ? string : number;
  };
}

/** What an author asks of a marker: presence, our JSON for this key, or exact contents (`match: key` = the key itself). */
export type MarkerWant =
  | { readonly match: 'presence' }
  | { readonly match: 'content'; readonly content: string }
  | { readonly match: 'stepaside'; readonly key: string };

export type MarkerVerdict =
  | { readonly ok: true; readonly carriesKey: boolean }
  /** `running`: a claim, under every policy. `failed`: the committer itself says so. `other`: it says something else. */
  | { readonly ok: false; readonly why: 'running' | 'failed' | 'other' };

export function matchMarker(contents: MarkerContents, want: MarkerWant): MarkerVerdict {
  if (contents.kind === 'stepaside' && contents.state === 'running') return { ok: false, why: 'running' };
  if (contents.kind === 'hadoop' && !contents.success) return { ok: false, why: 'failed' };
  switch (want.match) {
    case 'presence':
      return { ok: true, carriesKey: false };
    case 'content':
      return sameContent(contents, want.content)
        ? { ok: true, carriesKey: want.content !== '' }
        : { ok: false, why: 'other' };
    case 'stepaside':
      return contents.kind === 'stepaside' && contents.key === want.key
        ? { ok: true, carriesKey: true }
        : { ok: false, why: 'other' };
    default:
      return want satisfies never;
  }
}

/** One trailing newline is ignored, since `echo` writes it; a wanted empty content means an empty file. */
function sameContent(contents: MarkerContents, wanted: string): boolean {
  if (contents.kind === 'empty') return wanted === '';
  if (contents.kind !== 'text' || wanted === '') return false;
  return contents.text === wanted || contents.text === `${wanted}\n` || contents.text === `${wanted}\r\n`;
}

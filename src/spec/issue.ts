/** What is wrong with a file, where, and what to do about it. Branch on `code`; the words may change. */
export const ISSUE_CODES = {
  'config/not-found': 'the file is not there or cannot be read',
  'config/too-large': 'the file, a text in it, its nesting or its aliases go beyond a limit',
  'config/not-utf8': 'the file is not UTF-8',
  'config/yaml-syntax': 'the file is not YAML 1.2, or uses more of it than is allowed here',
  'config/empty': 'the file holds nothing',
  'config/duplicate-key': 'a key is written twice in one map',
  'config/bad-key': 'a key is not a plain text',
  'config/reserved-name': 'a name that JavaScript gives a meaning of its own',
  'config/inexact-number': 'a number that cannot be kept exactly',
  'config/lone-surrogate': 'text that UTF-8 cannot carry',
  'config/number-for-text': 'an unquoted number or word whose value is written differently than it was',
  'config/unknown-field': 'a field that does not exist here',
  'config/missing-field': 'a field that must be there is not',
  'config/wrong-type': 'a value of another type is expected',
  'config/bad-enum': 'not one of the words that are allowed',
  'config/bad-value': 'a value that is not allowed here',
  'config/bad-name': 'a name with characters that names cannot have',
  'config/bad-location': 'a text that names no place',
  'config/bad-glob': 'a text that is not a pattern',
  'config/bad-duration': 'a text that is not a length of time',
  'config/empty-list': 'a list that must hold something is empty',
  'config/duplicate-step': 'two steps have one name',
  'config/duplicate-output': 'two outputs of a step have one name',
  'config/duplicate-item': 'two items of a forEach are written alike',
  'config/unknown-step': 'a step that is not in the workflow',
  'config/unknown-item': 'an item that the needed step does not have',
  'config/cycle': 'steps that need each other in a circle',
  'config/overlap': 'two runs would write to one place',
  'config/overlap-unproven': 'nobody can show cheaply that two steps write to different places',
  'config/unresolved-placeholder': 'a placeholder that stands for nothing',
  'config/placeholder-not-allowed': 'a placeholder in a text that is taken literally',
  'config/unsafe-shell': 'a placeholder where a shell would take its value apart',
  'config/secret-exposed': 'a secret parameter in a text that is kept in records',
  'config/missing-param': 'a parameter has no value',
  'config/unknown-param': 'a parameter that the workflow does not declare',
  'config/weak-image': 'an image named by a tag alone',
  'config/param-left-out': 'the command uses a parameter that is kept out of the key',
  'config/looks-like-pattern': 'a literal path that looks like a pattern',
  'config/unknown-policy': 'a policy that nobody defined',
  'config/policy-cycle': 'policies that extend each other in a circle',
  'config/marker-without-key': 'the policy asks for a key in the marker, and the marker cannot carry one',
  'config/bad-marker': 'a marker that proves nothing about its output',
  'config/conflict': 'two fields that exclude each other',
  'config/no-command': 'a step with nothing to run',
  'config/bad-range': 'a forEach range that is empty, backwards or of two kinds',
  'config/workspace-cycle': 'workspaces that are each other’s parents',
  'config/too-many-issues': 'more is wrong than is worth listing',
} as const;

export type IssueCode = keyof typeof ISSUE_CODES;
export type Path = readonly (string | number)[];

export interface Issue {
  readonly code: IssueCode;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly col: number;
  /** As in `steps[2].outputs[0].path`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
  readonly severity: 'error' | 'warning';
}

export interface Position {
  readonly line: number;
  readonly col: number;
}

/** Where paths of a value are in the text that it came from. */
export interface Locator {
  readonly file: string;
  /** The nearest thing that is there: for `key` the name itself, for `value` what it stands for. */
  locate(path: Path, part: 'key' | 'value'): Position;
  /** What was written for a number, boolean or null, if it was written without quotes. */
  written(path: Path): string | undefined;
}

export interface Details {
  /** A function where finding it costs something: it is only asked if the issue is kept. */
  readonly hint?: string | undefined | (() => string | undefined);
  readonly part?: 'key' | 'value';
}

const MAX_ISSUES = 1_000;
const UNREADABLE: ReadonlySet<IssueCode> = new Set([
  'config/yaml-syntax',
  'config/bad-key',
  'config/inexact-number',
  'config/lone-surrogate',
]);

/** Collects everything that is wrong, each thing once, in the order of the file. */
export class Issues {
  readonly #locator: Locator;
  readonly #found = new Map<string, Issue>();
  /** What could not be read is not judged as well. */
  readonly #unreadable = new Set<string>();
  #dropped = 0;
  #stopped = false;

  constructor(locator: Locator) {
    this.#locator = locator;
  }

  error(code: IssueCode, path: Path, message: string, details: Details = {}): void {
    this.#add('error', code, path, message, details);
  }

  warn(code: IssueCode, path: Path, message: string, details: Details = {}): void {
    this.#add('warning', code, path, message, details);
  }

  #add(severity: Issue['severity'], code: IssueCode, path: Path, message: string, details: Details): void {
    if (this.#found.size >= MAX_ISSUES) {
      if (severity === 'error') this.#dropped++;
      return;
    }
    const { line, col } = this.#locator.locate(path, details.part ?? 'value');
    const place = `${line}:${col} ${formatPath(path)}`;
    if (this.#unreadable.has(place)) return;
    if (UNREADABLE.has(code)) this.#unreadable.add(place);
    const hint = typeof details.hint === 'function' ? details.hint() : details.hint;
    const issue: Issue = {
      code,
      file: this.#locator.file,
      line,
      col,
      path: formatPath(path),
      message,
      ...(hint !== undefined && { hint }),
      severity,
    };
    this.#found.set(`${line}:${col} ${code} ${issue.path} ${message}`, issue);
  }

  /** So much is wrong that nothing more will be listed: who would look for more may stop. */
  get overflow(): boolean {
    return this.#dropped > 0;
  }

  /** Somebody did stop, so what was counted is not all. */
  stop(): void {
    this.#stopped = true;
  }

  get hasErrors(): boolean {
    return this.#dropped > 0 || this.all().some(({ severity }) => severity === 'error');
  }

  all(): readonly Issue[] {
    const sorted = [...this.#found.values()].sort((a, b) => a.line - b.line || a.col - b.col);
    if (this.#dropped === 0) return sorted;
    const last = sorted.at(-1)!;
    const message = `and ${this.#stopped ? 'at least ' : ''}${this.#dropped} more problems`;
    return [...sorted, { ...last, code: 'config/too-many-issues', path: '', message, severity: 'error' }];
  }
}

export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w{}.-]{1,80}$/.test(part)) text += `[${JSON.stringify(shorten(part))}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** `file:line:col  path: message`, the hint on a line of its own. */
export function formatIssue(issue: Issue): string {
  const { file, line, col, path, message, hint, severity } = issue;
  const head = `${file}:${line}:${col}  ${severity === 'warning' ? 'warning: ' : ''}${path === '' ? '' : `${path}: `}${message}`;
  return escapeControls(head) + (hint === undefined ? '' : `\n  hint: ${escapeControls(hint)}`);
}

/** Names come from files that others write: they must not steer a terminal. */
function escapeControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** For messages: long texts in the middle of a sentence help nobody. */
export function shorten(text: string, max = 80): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

export function quote(text: string): string {
  return JSON.stringify(shorten(text));
}

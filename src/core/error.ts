/** One family. Branch on `code`, never on the message: the message is for people and may change. */
export type ConfigCode = `config/${string}`;
export type StoreCode =
  | 'store/denied' // the store knows us and says no (or will not say whether the thing exists)
  | 'store/unavailable' // no usable answer: time-out, reset, refused, 5xx
  | 'store/bad-answer' // an answer that cannot be one: HTML, no ETag, cut short, not the XML asked for
  | 'store/conflict' // two writers met and the store asks for another try
  | 'store/too-large'
  | 'store/unsupported'
  | 'store/bad-key'
  | 'store/no-bucket' // the bucket or mount itself is not there, so nothing can be said of what is in it
  | 'store/archived' // the object is there, its bytes are not (Glacier and kin)
  | 'store/wrong-region'
  | 'store/clock-skew'
  | 'store/no-credentials'
  | 'store/closed';
export type IntegrityCode =
  | 'integrity/digest'
  | 'integrity/size'
  | 'integrity/encoding'
  | 'integrity/missing' // what a list names is not in the store
  | 'integrity/list' // a list that says what none may say, or is none
  | 'integrity/changed'; // it was changed while it was read
export type StepCode = 'step/failed' | 'step/refused' | 'step/interrupted';
export type Code = ConfigCode | StoreCode | IntegrityCode | StepCode;

export abstract class StepasideError extends Error {
  abstract readonly code: Code;
  /** What the reader can do about it, where that is known. */
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly hint?: string | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** The author's or the operator's words are wrong: found before anything runs. */
export class ConfigError extends StepasideError {
  readonly code: ConfigCode;
  constructor(code: ConfigCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}

export interface StoreFacts {
  /** The store's name, as in `s3://bucket`. */
  readonly store: string;
  readonly key?: string;
  /** HTTP status or errno, as the server or the kernel gave it. */
  readonly status?: number | string;
  /** The server's own error code, e.g. `SlowDown`. */
  readonly serverCode?: string;
  /** The request may have been carried out although no answer says so. */
  readonly unclear?: boolean;
  /** The same request can succeed later without anybody's help. */
  readonly retryable?: boolean;
}

export class StoreError extends StepasideError {
  readonly code: StoreCode;
  readonly facts: StoreFacts;
  constructor(
    code: StoreCode,
    message: string,
    facts: StoreFacts,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.facts = facts;
  }
}

/** Bytes are not the bytes. */
export class IntegrityError extends StepasideError {
  readonly code: IntegrityCode;
  constructor(
    code: IntegrityCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
  }
}

/** A step did not end well: what it was about is in `step`. */
export class StepError extends StepasideError {
  readonly code: StepCode;
  readonly step: string;
  constructor(
    code: StepCode,
    step: string,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.step = step;
  }
}

export function isStoreError(error: unknown, ...codes: readonly StoreCode[]): error is StoreError {
  return error instanceof StoreError && (codes.length === 0 || codes.includes(error.code));
}

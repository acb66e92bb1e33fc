import { type StoreCode, StoreError, type StoreFacts } from '../../core/error.js';

/** What was being done, for messages and facts. */
export interface Doing {
  /** As in `s3://bucket`. */
  readonly store: string;
  readonly key?: string | undefined;
  readonly verb: 'look at' | 'read' | 'list' | 'write' | 'remove';
}

export interface Fault {
  readonly code: StoreCode;
  readonly why: string;
  readonly hint?: string | undefined;
  readonly status?: number | string | undefined;
  readonly serverCode?: string | undefined;
  readonly retryable?: boolean | undefined;
  /** The request may have been carried out; said only of requests that change something. */
  readonly unclear?: boolean | undefined;
  readonly cause?: unknown;
}

export function storeError(doing: Doing, fault: Fault): StoreError {
  const { store, key, verb } = doing;
  const place = printable(key === undefined ? store : `${store}/${key}`);
  const changes = verb === 'write' || verb === 'remove';
  const facts: StoreFacts = {
    store,
    ...(key === undefined ? {} : { key }),
    ...(fault.status === undefined ? {} : { status: fault.status }),
    ...(fault.serverCode === undefined ? {} : { serverCode: fault.serverCode }),
    ...(fault.unclear && changes ? { unclear: true } : {}),
    ...(fault.retryable ? { retryable: true } : {}),
  };
  return new StoreError(fault.code, `cannot ${verb} ${place}: ${fault.why}`, facts, {
    hint: fault.hint,
    cause: fault.cause,
  });
}

/** Text from elsewhere, on one line. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

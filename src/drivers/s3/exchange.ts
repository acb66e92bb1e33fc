import { orAborted } from '../../store/deadline.js';
import type { CredentialSource, Credentials } from './credentials.js';
import { Deadline } from './deadline.js';
import type { Doing } from './doing.js';
import { faultError } from './fault.js';
import { isExpired } from './judge.js';
import type { Answer, SendOptions } from './wire.js';

export interface ExchangeOptions {
  readonly doing: Doing;
  readonly totalMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The answer's body is read later: the deadline is handed on with it instead of ended. */
  readonly keepOpen?: boolean;
}

/** One request under its deadline; asked once more if the session had expired. Every failure is a StoreError. */
export async function exchange<A extends Answer>(
  credentials: CredentialSource,
  options: ExchangeOptions,
  send: (options: SendOptions) => Promise<A>,
): Promise<{ answer: A; deadline: Deadline }> {
  const deadline = new Deadline(options.totalMs, options.signal);
  let open = false;
  try {
    const used: Credentials = await credentials.get(deadline.signal);
    let answer = await orAborted(send(deadline), deadline.signal);
    if (answer.status >= 400 && isExpired(answer) && (await credentials.renew(used, deadline.signal))) {
      answer = await orAborted(send(deadline), deadline.signal);
    }
    open = options.keepOpen ?? false;
    return { answer, deadline };
  } catch (error) {
    if (deadline.aborted) throw options.signal?.reason;
    throw faultError(deadline.cause(error), options.doing);
  } finally {
    if (open) deadline.stopClock();
    else deadline.end();
  }
}

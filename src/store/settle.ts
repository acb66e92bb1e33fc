import { isStoreError, StoreError } from '../core/error.js';
import { pauseAfter } from './backoff.js';
import { within } from './deadline.js';
import { forward } from './forward.js';
import type { Found, Store, WriteOptions, Written } from './store.js';
import { type Waits, withDefaults } from './waits.js';

type Standing = { readonly whose: 'ours'; readonly found: Found } | { readonly whose: 'other' | 'nobody' | 'unknown' };

/**
 * Makes the answer to an `ifAbsent` write true whatever becomes of requests and answers: in doubt the key is read back
 * and compared byte by byte. Contract: a body that two writers may race for holds a nonce of its writer, so that equal
 * bytes mean the same write; and a key written so is not removed or overwritten while its writer is still waiting.
 * What is not settled by the deadline ends as `store/unavailable` with `facts.unclear`: the write may yet appear.
 */
export function settling(store: Store, options: Waits = {}): Store {
  const rules = withDefaults(options, { attemptMs: (deadlineMs) => deadlineMs / 4, baseMs: 50, capMs: 2_000 });
  return forward(store, {
    write: (key, body, call) => (call?.ifAbsent ? settle(store, rules, key, body, call) : store.write(key, body, call)),
  });
}

async function settle(
  store: Store,
  rules: Required<Waits>,
  key: string,
  body: Uint8Array,
  options: WriteOptions,
): Promise<Written> {
  const until = rules.now() + rules.deadlineMs;
  const { signal } = options;

  function request<T>(run: (signal: AbortSignal) => Promise<T>, changes: boolean): Promise<T> {
    const ms = Math.max(0, Math.min(rules.attemptMs, until - rules.now()));
    const late = () =>
      new StoreError('store/unavailable', `${store.name}: no answer about ${key} within ${Math.round(ms)} ms`, {
        store: store.name,
        key,
        retryable: true,
        unclear: changes,
      });
    return within(run, { ms, sleep: rules.sleep, signal, late });
  }

  let doubt: unknown;
  for (let failures = 1; ; failures++) {
    try {
      const answer = await request((attempt) => store.write(key, body, { ...options, signal: attempt }), true);
      // biome-ignore format: the broken form is compiled out of the package; the campaign on slots must catch it
      if (__SABOTAGE__ === 'unsettled') return answer;
      if (answer.written) return answer;
      // "Somebody was first" may speak of ourselves: of an earlier try, or of a copy that a proxy between us sent.
      doubt ??= new StoreError('store/conflict', `${store.name}: ${key} was said to be there, and is not`, {
        store: store.name,
        key,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      if (!isDoubtful(error)) throw doubt === undefined ? error : unsettled(store, key, error);
      doubt = error;
    }

    let standing: Standing = { whose: 'unknown' };
    if (__SABOTAGE__ !== 'unsettled') {
      try {
        standing = await request((attempt) => readBack(store, key, body, attempt), false);
      } catch (error) {
        if (signal?.aborted) throw error;
        if (!isDoubtful(error)) throw unsettled(store, key, error);
        doubt = error;
      }
    }
    if (standing.whose === 'ours') {
      const { etag } = standing.found.head;
      return { written: true, ...(etag !== undefined && { etag }) };
    }
    if (standing.whose === 'other') return { written: false };

    // Absent now does not mean that the lost request is dead: it can still arrive. The next try meets it or wins.
    const pause = pauseAfter(failures, rules);
    if (rules.now() + pause >= until) throw unsettled(store, key, doubt);
    await rules.sleep(pause, signal);
  }
}

async function readBack(store: Store, key: string, body: Uint8Array, signal: AbortSignal): Promise<Standing> {
  const found = await store.read(key, { signal });
  if (found === undefined) return { whose: 'nobody' };
  if (__SABOTAGE__ === 'settled-by-presence') return { whose: 'ours', found };
  let at = 0;
  for await (const piece of found.body) {
    if (Buffer.compare(piece, body.subarray(at, at + piece.byteLength)) !== 0) return { whose: 'other' };
    at += piece.byteLength;
  }
  return at === body.byteLength ? { whose: 'ours', found } : { whose: 'other' };
}

/** Anything but a clear refusal: a 409, a 503 and an answer that makes no sense can all hide a write that was done. */
function isDoubtful(error: unknown): boolean {
  if (!isStoreError(error)) return false;
  const { unclear = false, retryable = false } = error.facts;
  return unclear || retryable || error.code === 'store/conflict' || error.code === 'store/bad-answer';
}

function unsettled(store: Store, key: string, cause: unknown): StoreError {
  const facts = { store: store.name, key, unclear: true, retryable: false };
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new StoreError('store/unavailable', `${store.name}: whether ${key} was written is unknown${why}`, facts, {
    cause,
  });
}

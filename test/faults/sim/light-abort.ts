/** As much of AbortController as stores use: the real one makes a DOMException and an event for every call of a store. */
class LightSignal {
  aborted = false;
  reason: unknown;
  readonly #listeners = new Set<() => void>();

  addEventListener(_: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

class LightController {
  readonly signal = new LightSignal();

  abort(reason: unknown = 'aborted'): void {
    this.signal.abort(reason);
  }
}

/** No stacks and light signals while it runs: a simulation has no use for either, and they take half its time. */
export async function lightly<T>(act: () => Promise<T>): Promise<T> {
  const { AbortController } = globalThis;
  const { stackTraceLimit } = Error;
  globalThis.AbortController = LightController as unknown as typeof AbortController;
  Error.stackTraceLimit = 0;
  try {
    return await act();
  } finally {
    globalThis.AbortController = AbortController;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

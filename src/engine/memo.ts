import type { Hash } from '../core/hash.js';
import { workKey } from '../core/key.js';
import type { Step } from '../core/step.js';
import type { Keyed } from '../look/key-of.js';

/** What was done in this run, and in the one that it repeats: the same execution is not done twice, not even at once. */
export class RunMemo {
  readonly #done: Set<string>;
  readonly #pending = new Map<string, Promise<void>>();

  constructor(earlier: Iterable<string> = []) {
    this.#done = new Set(earlier);
  }

  /** `done`, or it is one's own turn: what comes back is told how it ended. Waits while somebody else is at it. */
  async take(id: string): Promise<'done' | ((well: boolean) => void)> {
    for (;;) {
      if (this.#done.has(id)) return 'done';
      const pending = this.#pending.get(id);
      if (!pending) return this.begin(id);
      await pending;
    }
  }

  /** It is done again, by force. */
  begin(id: string): (well: boolean) => void {
    let over: () => void = () => undefined;
    const pending = new Promise<void>((resolve) => {
      over = resolve;
    });
    this.#pending.set(id, pending);
    return (well) => {
      if (well) this.#done.add(id);
      if (this.#pending.get(id) === pending) this.#pending.delete(id);
      over();
    };
  }
}

/** What makes two executions the same: all that enters the key, or of the params and items only those that `memo` names. */
export function memoId({ memo }: Pick<Step, 'memo'>, { components }: Keyed, hash: Hash): string | undefined {
  if (memo === false || components.length === 0) return undefined;
  if (memo === true) return workKey(components, hash);
  const chosen = components.filter(
    ({ group, name }) => (group !== 'params' && group !== 'each') || memo.includes(name ?? ''),
  );
  return workKey(chosen, hash);
}

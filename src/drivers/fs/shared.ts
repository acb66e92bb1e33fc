import { setImmediate } from 'node:timers/promises';

/**
 * One answer for all who ask the same in one turn, or while it is being given to others: it is asked for after each of
 * their questions, so it tells each what an answer of his own would. A thousand names that are not there would else read
 * their folder a thousand times.
 */
export class Shared<T> {
  readonly #ask: (what: string) => Promise<T>;
  readonly #waiting = new Map<string, Promise<T>>();
  readonly #underWay = new Map<string, Promise<T>>();

  constructor(ask: (what: string) => Promise<T>) {
    this.#ask = ask;
  }

  answer(what: string): Promise<T> {
    let next = this.#waiting.get(what);
    if (next === undefined) {
      next = this.#next(what);
      this.#waiting.set(what, next);
    }
    return next;
  }

  async #next(what: string): Promise<T> {
    const before: Promise<unknown> = this.#underWay.get(what) ?? setImmediate();
    await before.catch(() => {});
    this.#waiting.delete(what);
    const answer = this.#ask(what);
    this.#underWay.set(what, answer);
    try {
      return await answer;
    } finally {
      if (this.#underWay.get(what) === answer) this.#underWay.delete(what);
    }
  }
}

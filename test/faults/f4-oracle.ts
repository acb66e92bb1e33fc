import type { Witness } from '../rig/sdk.js';

/** What a client was told, in plain data: the oracle knows nothing of the code that told it. */
export type Told =
  | { readonly act: 'head'; readonly key: string; readonly head: Facts | undefined }
  | { readonly act: 'read'; readonly key: string; readonly head: Facts | undefined; readonly body: Buffer | undefined }
  | { readonly act: 'list'; readonly prefix: string; readonly heads: readonly (Facts & { readonly key: string })[] }
  | {
      readonly act: 'write';
      readonly key: string;
      readonly ifAbsent: boolean;
      readonly mine: Buffer;
      readonly rival?: Buffer | undefined;
      readonly written: boolean | Refusal;
    }
  | { readonly act: 'remove'; readonly key: string; readonly removed: true | Refusal };

/** A change that ended in an error: it may have been done, or the error says that it was not. */
export type Refusal = 'unclear' | 'undone';

export interface Facts {
  readonly size: number;
  readonly etag: string | undefined;
}

export type Verdict = 'fine' | { readonly fault: 'wrong' | 'lost' | 'content'; readonly why: string };

interface Known {
  readonly body: Buffer;
  readonly etag: string;
}

/**
 * Knows what is below one prefix of a real server, because it alone looks there, with the SDK and past the proxy, after
 * every change; nobody else changes anything below it.
 */
export class Oracle {
  readonly #witness: Witness;
  readonly #known = new Map<string, Known>();

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  has(key: string): boolean {
    return this.#known.has(key);
  }

  async judge(told: Told): Promise<Verdict> {
    switch (told.act) {
      case 'head': {
        const known = this.#known.get(told.key);
        return this.#facts(told.key, known, told.head);
      }
      case 'read': {
        const known = this.#known.get(told.key);
        if (known === undefined || told.head === undefined || told.body === undefined)
          return this.#facts(told.key, known, told.head);
        if (!told.body.equals(known.body))
          return {
            fault: 'content',
            why: `${told.key}: ${told.body.length} bytes that are not its ${known.body.length}`,
          };
        return this.#facts(told.key, known, told.head);
      }
      case 'list': {
        const listed = told.heads.map(({ key }) => key);
        const wanted = [...this.#known.keys()].filter((key) => key.startsWith(told.prefix)).sort();
        if (JSON.stringify(listed.toSorted()) !== JSON.stringify(wanted))
          return { fault: 'wrong', why: `listed ${listed.join(' ')} of ${wanted.join(' ')}` };
        for (const head of told.heads) {
          const verdict = this.#facts(head.key, this.#known.get(head.key), head);
          if (verdict !== 'fine') return verdict;
        }
        return 'fine';
      }
      case 'write':
        return await this.#write(told);
      case 'remove': {
        const before = this.#known.get(told.key);
        const now = await this.#look(told.key);
        if (told.removed === true && now !== undefined)
          return { fault: 'wrong', why: `${told.key} was said to be removed and is there` };
        if (told.removed === 'undone' && before !== undefined && now === undefined)
          return { fault: 'wrong', why: `${told.key} is removed, and the error says it is not done` };
        if (now !== undefined && (before === undefined || !now.body.equals(before.body)))
          return { fault: 'wrong', why: `${told.key} holds other bytes after a removal that failed` };
        return 'fine';
      }
    }
  }

  async #write({ key, ifAbsent, mine, rival, written }: Told & { act: 'write' }): Promise<Verdict> {
    const before = this.#known.get(key);
    const now = await this.#look(key);
    const possible = [mine, before?.body, rival].filter((body) => body !== undefined);
    if (now !== undefined && !possible.some((body) => now.body.equals(body)))
      return { fault: 'wrong', why: `${key} holds bytes that nobody wrote` };
    if (before !== undefined && now === undefined) return { fault: 'lost', why: `${key} is gone after a write` };
    const isMine = now?.body.equals(mine) ?? false;
    if (ifAbsent && before !== undefined && !now!.body.equals(before.body))
      return { fault: 'wrong', why: `${key} was there and was overwritten by an ifAbsent write` };
    if (written === 'undone' && isMine)
      return { fault: 'wrong', why: `${key} is ours, and the error says it is not done` };
    if (written === true && !isMine) return { fault: 'lost', why: `${key} was said to be written and is not ours` };
    if (written === false && !ifAbsent) return { fault: 'wrong', why: `${key}: a plain write cannot lose` };
    if (written === false && isMine) return { fault: 'wrong', why: `${key} is ours, and we were told it is not` };
    if (written === false && now === undefined)
      return { fault: 'wrong', why: `${key} was said to be there and is not` };
    return 'fine';
  }

  #facts(key: string, known: Known | undefined, head: Facts | undefined): Verdict {
    if (known === undefined && head === undefined) return 'fine';
    if (known === undefined) return { fault: 'wrong', why: `${key} was said to be there and is not` };
    if (head === undefined) return { fault: 'wrong', why: `${key} was said to be absent and is there` };
    if (head.size !== known.body.length || head.etag !== known.etag)
      return {
        fault: 'content',
        why: `${key}: ${head.size} bytes, ETag ${head.etag}, in truth ${known.body.length} and ${known.etag}`,
      };
    return 'fine';
  }

  async #look(key: string): Promise<Known | undefined> {
    const truth = await this.#witness.get(key);
    if (truth === undefined) {
      this.#known.delete(key);
      return undefined;
    }
    const known = { body: Buffer.from(truth.body), etag: truth.etag };
    this.#known.set(key, known);
    return known;
  }
}

import { compareUtf8 } from '../../core/utf8.js';
import type { Head } from '../../store/store.js';
import { type Doing, storeError } from './doing.js';
import { isArchived, unquote } from './object-head.js';
import type { Answer, Item, Page, PageAnswer } from './wire.js';

/** What holds a listing together over its pages: it must get on, and every page must be one. */
export class Progress {
  readonly #doing: Doing;
  readonly #seen = new Set<string>();
  #empty = 0;

  constructor(doing: Doing) {
    this.#doing = doing;
  }

  /** The page of an answer, or an error if there is none. */
  open<T>(answer: PageAnswer<T>): Page<T> {
    const { page } = answer;
    if (!page) throw this.#bad(answer, 'the answer is not the whole list that was asked for');
    if (page.truncated === undefined) throw this.#bad(answer, 'the list does not say whether more follows');
    return page;
  }

  /** True if another page follows. Servers have been seen to repeat a page for ever. */
  step<T>(answer: Answer, page: Page<T>, names: readonly string[]): boolean {
    // Both ends: a page that begins with the end of the last one gets on all the same.
    const marks = new Set(names.length > 0 ? [`keys ${JSON.stringify([names[0], names.at(-1)])}`] : []);
    if (page.truncated) {
      if (!page.next) throw this.#bad(answer, 'the list says that more follows, and not where');
      marks.add(`next ${JSON.stringify([page.next, page.nextId])}`);
    }
    if ([...marks].some((mark) => this.#seen.has(mark))) throw this.#bad(answer, 'the list repeats a page');
    for (const mark of marks) this.#seen.add(mark);
    this.#empty = page.items.length === 0 ? this.#empty + 1 : 0;
    if (this.#empty > 1000) throw this.#bad(answer, 'the list goes on and on without a key');
    return page.truncated ?? false;
  }

  /** A name in a page as it is. */
  name<T>(answer: Answer, page: Page<T>, text: string | undefined): string {
    const name = text === undefined ? undefined : page.encoded ? decode(text) : text;
    if (!name) throw this.#bad(answer, 'the list holds an entry without a readable key');
    return name;
  }

  #bad(answer: Answer, why: string) {
    const { status } = answer;
    return storeError(this.#doing, { code: 'store/bad-answer', status, why, retryable: false });
  }

  /** One object in a page. */
  head(answer: Answer, page: Page<Item>, item: Item, prefix: string): Head {
    const key = this.name(answer, page, item.key);
    if (!key.startsWith(prefix)) throw this.#bad(answer, 'the list holds keys that do not begin as asked');
    const { size, modifiedAt, storageClass, restored } = item;
    if (size === undefined || Number.isNaN(size) || modifiedAt === undefined) {
      throw this.#bad(answer, 'the list holds an entry without size or time');
    }
    // s3s-fs lists without ETags.
    const etag = unquote(item.etag);
    const isGone = !restored && isArchived(storageClass);
    // As most are: a page holds a thousand of these.
    if (etag !== undefined && storageClass !== undefined && !isGone)
      return { key, size, modifiedAt, etag, storageClass };
    return {
      key,
      size,
      modifiedAt,
      ...(etag === undefined ? {} : { etag }),
      ...(storageClass === undefined ? {} : { storageClass }),
      ...(isGone ? { archived: true } : {}),
    };
  }
}

/** S3's url encoding writes a space as `+`, other servers as %20; a plus is %2B with all of them. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '));
  } catch {
    return undefined;
  }
}

/** True if the heads are in UTF-8 order and begin after `last`. */
export function inOrder(heads: readonly Head[], last: string | undefined): boolean {
  let before = last;
  for (const { key } of heads) {
    if (before !== undefined && compareUtf8(before, key) >= 0) return false;
    before = key;
  }
  return true;
}

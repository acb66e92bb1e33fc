import { itemOf, pageOfItems } from './page.js';
import type { Item, Page } from './wire.js';
import { decodeEntities, parseXmlText, textOf } from './xml.js';

/** One ListObjectsV2 page, if the bytes are one. */
export function readPage(bytes: Uint8Array): Page<Item> | undefined {
  const text = textOf(bytes);
  return text === undefined ? undefined : (scanPage(text) ?? pageOfItems(parseXmlText(text)));
}

/**
 * A list page whose entries are as plain as most servers write them, read by one expression for each entry; undefined
 * where anything is otherwise, and then the long way reads it (page.ts), which this must never contradict. All that
 * stands around the entries is read by the parser, so a page that was cut short is none.
 */
export function scanPage(text: string): Page<Item> | undefined {
  const begin = text.indexOf(OPEN);
  if (begin < 0) return undefined;
  const end = text.lastIndexOf(CLOSE) + CLOSE.length;
  const before = text.slice(0, begin);
  // What is whole when the root is closed there stands right below the root, and in no comment.
  if (parseXmlText(`${before}</${ROOT}>`)?.name !== ROOT) return undefined;
  const root = parseXmlText(before + text.slice(end));
  if (root?.name !== ROOT || root.children.some(({ name }) => name === 'Contents')) return undefined;
  // An entity that is none makes the whole no XML; with none but these, all are read alike.
  if (ODD_ENTITY.test(text)) return undefined;
  const items = scanItems(text, begin, end);
  return items && pageOfItems(root, items);
}

const ODD_ENTITY = /&(?!(?:amp|lt|gt|quot|apos|#34);)/;
const ROOT = 'ListBucketResult';
const OPEN = '<Contents>';
const CLOSE = '</Contents>';

function scanItems(text: string, begin: number, end: number): readonly Item[] | undefined {
  const items: Item[] = [];
  let shape: Shape | undefined;
  for (let at = begin; at < end; ) {
    let found = shape?.match(text, at);
    if (!found) {
      // Servers leave out what an object has not: the next ones may be like this one.
      shape = shapeOf(text.slice(at, text.indexOf(CLOSE, at) + CLOSE.length));
      found = shape?.match(text, at);
    }
    if (!shape || !found) return undefined;
    items.push(shape.item(found));
    at += found[0].length;
  }
  return items;
}

/** One entry's fields in the order in which it has them. */
class Shape {
  readonly #expression: RegExp;
  readonly #key: number;
  readonly #size: number;
  readonly #time: number;
  readonly #tag: number;
  readonly #class: number;

  constructor(names: readonly string[]) {
    const fields = names.map((name) => `<${name}>([^<]*)</${name}>`);
    this.#expression = new RegExp(`${OPEN}${fields.join('')}${CLOSE}`, 'y');
    // What an entry lacks is found at 0, and never taken: the whole match is no field.
    const at = (name: string) => names.indexOf(name) + 1;
    this.#key = at('Key');
    this.#size = at('Size');
    this.#time = at('LastModified');
    this.#tag = at('ETag');
    this.#class = at('StorageClass');
  }

  match(text: string, at: number): RegExpExecArray | null {
    this.#expression.lastIndex = at;
    return this.#expression.exec(text);
  }

  item(found: RegExpExecArray): Item {
    return itemOf({
      key: this.#key === 0 ? undefined : decodeEntities(found[this.#key]!),
      size: this.#size === 0 ? undefined : decodeEntities(found[this.#size]!),
      modified: this.#time === 0 ? undefined : decodeEntities(found[this.#time]!),
      etag: this.#tag === 0 ? undefined : decodeEntities(found[this.#tag]!),
      storageClass: this.#class === 0 ? undefined : decodeEntities(found[this.#class]!),
      restored: undefined,
    });
  }
}

function shapeOf(block: string): Shape | undefined {
  const fields = [...block.slice(OPEN.length, -CLOSE.length).matchAll(/<([A-Za-z_]\w*)>([^<]*)<\/\1>/g)];
  const names = fields.map(([, name]) => name!);
  const length = fields.reduce((sum, [whole]) => sum + whole.length, 0);
  const isPlain = length === block.length - OPEN.length - CLOSE.length;
  const isOdd = new Set(names).size < names.length || names.includes('RestoreStatus');
  return isPlain && !isOdd ? new Shape(names) : undefined;
}

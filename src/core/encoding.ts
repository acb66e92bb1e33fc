import { IntegrityError } from './error.js';
import { compareUtf8 } from './utf8.js';

/** What a key can be made of. A `Map` keeps user's names away from the prototype. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }
  | ReadonlyMap<string, Json>;

/**
 * The canonical encoding: one value, one byte string, and no byte string for two values.
 *
 *   null n · true t · false f · integer i<len>:<decimal> · other number d<8 bytes, big endian> · text s<len>:<UTF-8>
 *   list l<count>: then the items · map m<count>: then name and value by turns, names in UTF-8 order
 *
 * Every length is decimal ASCII and counts bytes, so no value can reach into its neighbour. What has no exact form is
 * refused, never rounded: integers beyond 2^53, NaN, infinities, lone surrogates, undefined.
 */
export function encode(value: Json): Uint8Array {
  const out = new Writer();
  write(out, value, 0);
  return out.done();
}

const MAX_DEPTH = 200;

function write(out: Writer, value: Json, depth: number): void {
  if (depth > MAX_DEPTH) throw refuse(`nested deeper than ${MAX_DEPTH} levels`);
  if (value === null) return out.ascii('n');
  switch (typeof value) {
    case 'boolean':
      return out.ascii(value ? 't' : 'f');
    case 'number':
      return writeNumber(out, value);
    case 'string':
      return out.text('s', value);
    case 'object':
      return Array.isArray(value)
        ? writeList(out, value, depth)
        : writeMap(out, value as Exclude<typeof value, readonly Json[]>, depth);
    default:
      throw refuse(`a ${typeof value} has no place in a key`);
  }
}

function writeNumber(out: Writer, value: number): void {
  if (!Number.isFinite(value)) throw refuse(`${value} is no number that can be written down`);
  if (Number.isInteger(value)) {
    if (!Number.isSafeInteger(value))
      throw refuse(`the integer ${value} is beyond 2^53 and may already be rounded`, 'write it as text: "…"');
    const digits = String(value === 0 ? 0 : value); // -0 is 0
    return out.ascii(`i${digits.length}:${digits}`);
  }
  out.ascii('d');
  out.float(value);
}

function writeList(out: Writer, list: readonly Json[], depth: number): void {
  out.ascii(`l${list.length}:`);
  for (const item of list) write(out, item, depth + 1);
}

function writeMap(
  out: Writer,
  map: ReadonlyMap<string, Json> | { readonly [name: string]: Json },
  depth: number,
): void {
  const entries = entriesOf(map);
  entries.sort(([a], [b]) => compareUtf8(a, b));
  out.ascii(`m${entries.length}:`);
  for (const [name, value] of entries) {
    out.text('s', name);
    write(out, value, depth + 1);
  }
}

/** Only what is all in its entries: a Date, a Set or a Buffer would otherwise be as good as empty. */
function entriesOf(map: ReadonlyMap<string, Json> | { readonly [name: string]: Json }): [string, Json][] {
  if (map instanceof Map) {
    if ([...map.keys()].some((name) => typeof name !== 'string'))
      throw refuse('a map whose names are not text has no place in a key');
    return [...map] as [string, Json][];
  }
  const prototype: unknown = Object.getPrototypeOf(map);
  if (prototype !== Object.prototype && prototype !== null)
    throw refuse(`a ${map.constructor?.name ?? 'special object'} has no place in a key`);
  if (Object.getOwnPropertySymbols(map).length > 0) throw refuse('a symbol has no place in a key');
  return Object.entries(map as Record<string, Json>);
}

function refuse(why: string, hint?: string): IntegrityError {
  return new IntegrityError('integrity/encoding', why, hint === undefined ? {} : { hint });
}

const utf8 = new TextEncoder();

/** What the last writer wrote into: a hundred thousand keys are some millions of small encodings. */
let spare: Uint8Array | undefined;
const MOST_SPARE = 64 * 1024;

class Writer {
  #bytes = spare ?? new Uint8Array(1024);
  #length = 0;

  constructor() {
    // A value's own getter may encode meanwhile.
    spare = undefined;
  }

  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  text(tag: string, text: string): void {
    const bytes = isAscii(text) ? undefined : utf8.encode(text);
    if (bytes && !text.isWellFormed()) throw refuse('text with a lone surrogate cannot be written as UTF-8');
    const length = bytes?.length ?? text.length;
    // biome-ignore format: the broken form is compiled out of the package; the campaign on keys must catch it
    if (__SABOTAGE__ === 'lengthless-text') this.ascii(tag); else
    this.ascii(`${tag}${length}:`);
    if (!bytes) return this.ascii(text);
    this.#reserve(length);
    this.#bytes.set(bytes, this.#length);
    this.#length += length;
  }

  float(value: number): void {
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value);
    this.#length += 8;
  }

  done(): Uint8Array {
    if (this.#bytes.length <= MOST_SPARE) spare = this.#bytes;
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

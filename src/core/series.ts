/** The arithmetic of `forEach`: how many items there are and which is the n-th, without ever holding them all. */
import type { Scalar, Series } from './step.js';

export type Item = Readonly<Record<string, Scalar>>;
export type ParsedRange =
  | { readonly ok: true; readonly series: Series }
  | { readonly ok: false; readonly field: 'from' | 'to' | 'every'; readonly why: string; readonly hint?: string };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** `everyMs` for dates, `every` for integers; undefined = 1, one day, or one hour. */
export function integerRange(from: number, to: number, every = 1): ParsedRange {
  if (every < 1) return { ok: false, field: 'every', why: `every must be at least 1, not ${every}` };
  if (to < from) return backwards(from, to);
  return { ok: true, series: { kind: 'integers', from, to, every } };
}

export function dateRange(from: string, to: string, everyMs?: number): ParsedRange {
  const start = instant(from);
  const end = instant(to);
  if (start === undefined) return noDate('from', from);
  if (end === undefined) return noDate('to', to);
  if (from.length !== to.length)
    return {
      ok: false,
      field: 'to',
      why: `"${from}" and "${to}" are not of one kind`,
      hint: 'write both as days, or both with hours',
    };
  const unit = unitOf(from);
  const step = everyMs ?? unit;
  if (step < unit || step % unit !== 0)
    return {
      ok: false,
      field: 'every',
      why: unit === DAY ? 'days advance by whole days' : 'hours advance by whole hours',
      hint: unit === DAY ? 'write 1d or 7d, or give from and to with hours: 2024-01-01T00' : 'write 1h or 6h',
    };
  if (end < start) return backwards(from, to);
  return { ok: true, series: { kind: 'dates', from, to, everyMs: step } };
}

function backwards(from: Scalar, to: Scalar): ParsedRange {
  return { ok: false, field: 'to', why: `the range is empty: ${to} comes before ${from}` };
}

function noDate(field: 'from' | 'to', text: string): ParsedRange {
  return {
    ok: false,
    field,
    why: `"${text}" is not a date of the calendar`,
    hint: 'write 2024-01-31, 2024-01-31T23 or a whole number',
  };
}

export function countSeries(series: Series): number {
  switch (series.kind) {
    case 'list':
      return series.items.length;
    case 'integers':
      return Math.floor((series.to - series.from) / series.every) + 1;
    case 'dates':
      return Math.floor((at(series.to) - at(series.from)) / series.everyMs) + 1;
    default:
      return series satisfies never;
  }
}

export function seriesItem(series: Series, index: number): Scalar {
  if (!Number.isInteger(index) || index < 0 || index >= countSeries(series))
    throw new RangeError(`no item ${index} in a series of ${countSeries(series)}`);
  switch (series.kind) {
    case 'list':
      return series.items[index]!;
    case 'integers':
      return series.from + index * series.every;
    case 'dates':
      return written(at(series.from) + index * series.everyMs, series.from.length);
    default:
      return series satisfies never;
  }
}

/** Where the item that is written so stands; -1 if there is none. */
export function seriesIndexOf(series: Series, text: string): number {
  switch (series.kind) {
    case 'list':
      return series.items.findIndex((item) => String(item) === text);
    case 'integers':
      return String(Number(text)) === text ? position(Number(text) - series.from, series.every, series) : -1;
    case 'dates': {
      const time = text.length === series.from.length ? instant(text) : undefined;
      return time === undefined ? -1 : position(time - at(series.from), series.everyMs, series);
    }
    default:
      return series satisfies never;
  }
}

function position(distance: number, every: number, series: Series): number {
  const index = distance / every;
  return Number.isInteger(index) && index >= 0 && index < countSeries(series) ? index : -1;
}

type ForEach = Readonly<Record<string, Series>>;

/** How many instances a step has: one if it has no `forEach`. */
export function countItems(forEach: ForEach): number {
  return Object.values(forEach).reduce((product, series) => product * countSeries(series), 1);
}

/** The last name varies fastest. */
export function itemAt(forEach: ForEach, index: number): Item {
  const item: Record<string, Scalar> = {};
  let rest = index;
  for (const [name, series] of Object.entries(forEach).reverse()) {
    const count = countSeries(series);
    item[name] = seriesItem(series, rest % count);
    rest = Math.floor(rest / count);
  }
  if (rest !== 0 || index < 0) throw new RangeError(`no item ${index}`);
  return item;
}

export function* items(forEach: ForEach): Generator<Item> {
  const count = countItems(forEach);
  for (let index = 0; index < count; index++) yield itemAt(forEach, index);
}

/** `report`, `report[2024-01-01]`, `report[2024-01-01,eu]`: values in the order of the step's `forEach`. */
export function instanceName(step: string, forEach: ForEach, item: Item): string {
  const names = Object.keys(forEach);
  return names.length === 0 ? step : `${step}[${names.map((name) => String(item[name])).join(',')}]`;
}

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2})?$/;

/** Milliseconds since 1970, UTC; undefined for what the calendar does not have. */
function instant(text: string): number | undefined {
  if (!DATE.test(text)) return undefined;
  const ms = Date.parse(text.length === 10 ? `${text}T00:00:00.000Z` : `${text}:00:00.000Z`);
  // The engine accepts some days that do not exist (30 February) and moves them on.
  return Number.isNaN(ms) || written(ms, text.length) !== text ? undefined : ms;
}

function at(text: string): number {
  return instant(text) ?? Number.NaN;
}

function written(ms: number, length: number): string {
  return new Date(ms).toISOString().slice(0, length);
}

function unitOf(text: string): number {
  return text.length === 10 ? DAY : HOUR;
}

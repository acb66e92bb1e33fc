import { badList } from './refuse.js';

/**
 * Lists are text: a JSON array a line, each line ended by a newline, the first naming the format. What a list says is
 * written in one way only, so that equal contents have equal digests.
 */
export type Row = readonly (string | number)[];

const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function writeRows(rows: readonly Row[]): Uint8Array {
  let text = '';
  for (const row of rows) text += `${JSON.stringify(row)}\n`;
  return utf8.encode(text);
}

/** Rows, of whatever shape: the caller looks at each. What JSON would silently change is refused. */
export function readRows(bytes: Uint8Array, format: string): readonly Row[] {
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch {
    throw badList('it is no UTF-8');
  }
  if (!text.endsWith('\n')) throw badList('it is cut short');
  const lines = text.slice(0, -1).split('\n');
  const rows = lines.map(readRow);
  if (rows[0]![0] !== format) throw badList(`it is no ${format}`);
  return rows;
}

function readRow(line: string): Row {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    throw badList('a line is no JSON');
  }
  if (!Array.isArray(row) || row.length === 0) throw badList('a line is no row');
  for (const cell of row) if (typeof cell !== 'string' && typeof cell !== 'number') throw badList('a cell is no text');
  // 1e3, -0, "\u0061", spaces: another spelling of the same row would be another digest of the same contents.
  if (JSON.stringify(row) !== line) throw badList('a line is not in its one spelling');
  return row as Row;
}

/** A size or a count. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { IssueCode } from './issue.js';

export type ReadFile = (path: string) => Uint8Array;

export type FileText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: IssueCode; readonly message: string; readonly hint?: string };

/** The size is asked for before a byte is read, and no more than that is read: a file may grow meanwhile. */
export function readText(path: string, maxBytes: number, readFile?: ReadFile): FileText {
  let bytes: Uint8Array | undefined;
  try {
    bytes = readFile ? readFile(path) : readBounded(path, maxBytes);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const message = code === 'ENOENT' ? 'there is no such file' : `the file cannot be read (${code})`;
    return { ok: false, code: 'config/not-found', message };
  }
  if (bytes === undefined || bytes.length > maxBytes)
    return { ok: false, code: 'config/too-large', message: `the file is larger than ${maxBytes / 1_048_576} MiB` };
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { ok: false, code: 'config/not-utf8', message: 'the file is not UTF-8', hint: 'save it as UTF-8' };
  }
}

function readBounded(path: string, maxBytes: number): Uint8Array | undefined {
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (!stat.isFile())
      throw Object.assign(new Error('not a file'), { code: stat.isDirectory() ? 'EISDIR' : 'not a file' });
    if (stat.size > maxBytes) return undefined;
    const buffer = Buffer.allocUnsafe(stat.size + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      got = readSync(file, buffer, length, buffer.length - length, length);
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

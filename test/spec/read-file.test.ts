import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadWorkflow } from '../../src/spec/load.js';

const folder = mkdtempSync(join(tmpdir(), 'read-'));
const codes = (file: string, options: object = {}) => {
  const loaded = loadWorkflow({ file, ...options });
  return loaded.ok ? ['ok'] : loaded.issues.map(({ code, line, col }) => `${line}:${col} ${code}`);
};
const write = (text: string | Uint8Array) => {
  const file = join(folder, 'wf.yaml');
  writeFileSync(file, text);
  return file;
};

describe('files that cannot be read as text', () => {
  test('absent, or a folder', () => {
    expect(codes(join(folder, 'none.yaml'))).toEqual(['1:1 config/not-found']);
    expect(codes(folder)).toEqual(['1:1 config/not-found']);
  });

  test('not UTF-8; a byte order mark is fine, and so are line ends of Windows', () => {
    expect(codes(write(Buffer.from([0x6e, 0xff, 0xfe])))).toEqual(['1:1 config/not-utf8']);
    expect(codes(write('\ufeffname: w\r\nsteps:\r\n  - { name: a, run: x }\r\n'))).toEqual(['ok']);
    expect(codes(write('name: w\r\nsteps:\r\n  - { name: a, nope: 1, run: x }\r\n'))).toEqual([
      '3:16 config/unknown-field',
    ]);
  });

  test('larger than asked for, from a file or from a reader of one’s own', () => {
    const file = write('name: w\nsteps: [{ name: a, run: x }]');
    expect(codes(file, { maxBytes: 10 })).toEqual(['1:1 config/too-large']);
    expect(codes(file, { maxBytes: 10, readFile: () => new Uint8Array(11) })).toEqual(['1:1 config/too-large']);
    expect(codes(file)).toEqual(['ok']);
  });
});

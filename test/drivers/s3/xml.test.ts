import { describe, expect, it } from 'vitest';
import { childText, parseXml } from '../../../src/drivers/s3/xml.js';

const parse = (text: string) => parseXml(new TextEncoder().encode(text));
const WHOLE =
  '<?xml version="1.0"?>\n<!-- x --><s3:R xmlns:s3="u"><K>a&amp;&#x1F600;&#10;b</K><E/><K><![CDATA[<&]]></K></s3:R>\n';

describe('parseXml', () => {
  it('reads what servers write', () => {
    const root = parse(WHOLE);
    expect(root?.name).toBe('R');
    expect(root?.children.map(({ name, text }) => [name, text])).toEqual([
      ['K', 'a&\u{1F600}\nb'],
      ['E', ''],
      ['K', '<&'],
    ]);
    expect(root && childText(root, 'none')).toBeUndefined();
  });
  it('takes no beginning of a document for a document', () => {
    const end = WHOLE.lastIndexOf('>');
    for (let length = 0; length < end; length++) expect(parse(WHOLE.slice(0, length))).toBeUndefined();
  });
  it.each([
    '<!DOCTYPE html><html></html>',
    '<a></b>',
    '<a></a><b></b>',
    'text <a></a>',
    '<a></a> text',
    '<a>&nope;</a>',
    '<a>&</a>',
    '<a>&#x110000;</a>',
    '< a></a>',
    '',
  ])('%j is none', (text) => expect(parse(text)).toBeUndefined());
  it('bytes that are no UTF-8 are none', () => {
    expect(parseXml(Uint8Array.from([60, 97, 62, 255, 60, 47, 97, 62]))).toBeUndefined();
  });
});

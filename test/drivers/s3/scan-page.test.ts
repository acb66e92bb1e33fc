import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageOfItems } from '../../../src/drivers/s3/page.js';
import { readPage, scanPage } from '../../../src/drivers/s3/scan-page.js';
import { parseXmlText } from '../../../src/drivers/s3/xml.js';

const longWay = (text: string) => pageOfItems(parseXmlText(text));
const entry = (key: string, more = '') =>
  `<Contents><Key>${key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag><Size>1</Size>${more}</Contents>`;
const page = (inside: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><IsTruncated>true</IsTruncated>${inside}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>`;

describe('scanPage', () => {
  it('reads plain pages by itself, also where some entries have less', () => {
    const texts = [
      page(entry('a') + entry('b&amp;c')),
      page(entry('a', '<StorageClass>STANDARD</StorageClass>') + entry('b') + entry('c') + entry('d', '<X>1</X>')),
      page(`${entry('a')}<CommonPrefixes><Prefix>x</Prefix></CommonPrefixes>`),
    ];
    for (const text of texts) {
      expect(scanPage(text)?.items.length).toBeGreaterThan(1 - Number(text.includes('Common')));
      expect(scanPage(text)).toEqual(longWay(text));
    }
  });

  it.each([
    ['entries in a comment', page(`<!-- ${entry('a')} -->${entry('b')}`)],
    ['entries in another element', page(`<Other>${entry('a')}</Other>`)],
    ['entries in CDATA', page(`<X><![CDATA[${entry('a')}]]></X>`)],
    ['entries apart from each other', page(`${entry('a')}<X/>${entry('b')}`)],
    ['entries with a prefix beside others', page(`${entry('a')}<s3:Contents><Key>x</Key></s3:Contents>`)],
    ['a field twice', page(entry('a', '<Key>b</Key>'))],
    ['fields in fields', page(entry('a', '<Owner><Key>b</Key></Owner>'))],
    ['a restored object', page(entry('a', '<RestoreStatus>x</RestoreStatus>'))],
    ['an entity that is none', page(entry('a&nope;'))],
    ['a key in CDATA', page(entry('<![CDATA[a<b]]>'))],
    ['white space between', page(`${entry('a')}\n${entry('b')}`)],
    ['no entry', page('')],
  ])('%s: it is left to the long way, or told alike', (_, text) => {
    const scanned = scanPage(text);
    if (scanned !== undefined) expect(scanned).toEqual(longWay(text));
    expect(readPage(new TextEncoder().encode(text))).toEqual(longWay(text));
  });

  it('takes no page that was cut short for one', () => {
    const text = page(entry('a') + entry('b') + entry('c'));
    for (let length = 0; length < text.length; length++)
      expect(readPage(Buffer.from(text.slice(0, length)))).toBe(undefined);
  });

  it('whatever is done to a page: what it reads, the long way reads alike', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '<Key>',
        '</Key>',
        '<Contents>',
        '</Contents>',
        '</ListBucketResult>',
        '<!--',
        '-->',
        '<![CDATA[',
        ']]>',
      ),
      fc.constantFrom('&', '&amp;', '&#34;', '&#x41;', '<', '>', '<X/>', '<Size>7</Size>', '<Contents/>', entry('z')),
    );
    let read = 0;
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(entry('a'), entry('b', '<StorageClass>GLACIER</StorageClass>'), entry('c&lt;'))),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 30 }), piece), { maxLength: 2 }),
        (entries, changes) => {
          let text = page(entries.join(''));
          for (const [at, cut, put] of changes) {
            const from = at % text.length;
            text = text.slice(0, from) + put + text.slice(from + (cut > 20 ? cut : 0));
          }
          const scanned = scanPage(text);
          if (scanned === undefined) return;
          read += 1;
          expect(scanned).toEqual(longWay(text));
        },
      ),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(500);
  });
});

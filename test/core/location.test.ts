import { describe, expect, it } from 'vitest';
import { contains, formatLocation, isTree, locationBelow, parseLocation } from '../../src/core/location.js';

describe('a location', () => {
  it.each([
    ['s3://lake/raw/x', 's3://lake/raw/x', false],
    ['s3a://lake/raw/', 's3://lake/raw/', true],
    ['S3N://lake', 's3://lake/', true],
    ['s3://lake/a//b', 's3://lake/a//b', false],
    ['s3://lake/a/../b?c#d%20', 's3://lake/a/../b?c#d%20', false],
    ['pvc://training/out/', 'pvc://training/out/', true],
    ['pvc://training', 'pvc://training/', true],
    ['out/model', 'out/model', false],
    ['/mnt/x/', '/mnt/x/', true],
    ['file:///mnt/x', '/mnt/x', false],
    ['C:odd name', 'C:odd name', false],
  ])('%s is %s', (text, formatted, tree) => {
    expect(formatLocation(parseLocation(text))).toBe(formatted);
    expect(isTree(parseLocation(text))).toBe(tree);
  });

  it.each([
    ['', /empty/],
    ['gs://bucket/x', /no store "gs:\/\/"/],
    ['s3://', /no bucket name/],
    ['s3:///x', /no bucket name/],
    ['pvc://a/../b', /climb out/],
    ['file://host/x', /absolute/],
    ['s3:/lake/x', /URI and is none/],
    ['s3//lake/x', /URI and is none/],
    [' s3://lake/x', /URI and is none/],
    ['pvc:x', /URI and is none/],
    ['a\0b', /NUL/],
    ['s3://lake/\ud800', /surrogate/],
  ])('%j is refused', (text, why) => {
    expect(() => parseLocation(text)).toThrowError(
      expect.objectContaining({ code: 'config/bad-location', message: expect.stringMatching(why) }),
    );
  });

  it('finds a marker below its tree, or where a full URI says', () => {
    const tree = parseLocation('s3://lake/t/');
    expect(formatLocation(locationBelow(tree, '_SUCCESS'))).toBe('s3://lake/t/_SUCCESS');
    expect(formatLocation(locationBelow(tree, 's3://other/m'))).toBe('s3://other/m');
  });

  it.each(['', '/DONE', '../c/_SUCCESS', 'a/../../x', 'sub/'])('refuses the marker %j of a tree on S3', (name) => {
    expect(() => locationBelow(parseLocation('s3://lake/t/'), name)).toThrowError(
      expect.objectContaining({ code: 'config/bad-marker' }),
    );
  });

  it.each([
    'http://me:hush@host/x',
    'https://lake.example/x?X-Amz-Signature=hush',
    'https://host/x#hush',
    's3://me:hush@lake/x',
    's3:/me:hush@lake/x',
    'pvc://me:hush@claim/x',
  ])('that is none is not repeated with its password or signature: %s', (text) => {
    expect(() => parseLocation(text)).toThrow(/^(?!.*hush).*\*\*\*/s);
  });

  it('knows what lies in what', () => {
    const is = (a: string, b: string) => contains(parseLocation(a), parseLocation(b));
    expect([
      is('s3://lake/a/', 's3://lake/a/b'),
      is('s3://lake/a/', 's3://lake/ab'),
      is('s3://lake/a', 's3://lake/a/b'),
      is('s3a://lake/a', 's3://lake/a'),
    ]).toEqual([true, false, false, true]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareParts, contentIdentity, counts, isPart, type Part } from '../../src/core/parts.js';
import { blake3 } from '../../src/hash.js';

const s3 = (path: string, etag: string, size = 1): Part => ({ path, size, etag, modifiedAt: 0 });
const file = (path: string, mtimeNs: string, inode: string, more: Partial<Part> = {}): Part => ({
  path,
  size: 1,
  modifiedAt: 0,
  file: { mtimeNs, ctimeNs: '0', inode },
  ...more,
});
const digest = (x: string) => `blake3-${x}` as NonNullable<Part['digest']>;
const changes = (a: Part[], b: Part[], deep = false) => {
  const verdict = compareParts(a, b, deep);
  return verdict.same ? [] : verdict.changes.map((c) => `${c.path} ${c.what}`);
};

describe('what is a part', () => {
  it.each([
    ['part-0', true],
    ['_metadata', true],
    ['.hidden', true],
    ['_SUCCESS', false],
    ['sub/_SUCCESS', true],
    ['_stepaside.json', false],
    ['sub/.stepaside-tmp-12-ab', false],
    ['.nfs000123', false],
  ])('%s: %s', (path, part) => expect(isPart(path, '_SUCCESS')).toBe(part));

  it.each([
    ['part-0', 0, true],
    ['dt=1/part-0', 5, true],
    ['_SUCCESS', 0, false],
    ['_temporary/0/part-0', 5, false],
    ['dt=1/.part.crc', 5, false],
    ['dt=1/', 0, false],
    ['dt_$folder$', 0, false],
    ['dt=1/', 5, true],
  ])('%s of %i bytes counts: %s', (path, size, count) => expect(counts({ path, size })).toBe(count));
});

describe('parts as recorded', () => {
  it('are the same by size and tag, in any order', () => {
    expect(changes([s3('a', '1'), s3('b', '2')], [s3('b', '2'), s3('a', '1')])).toEqual([]);
    expect(changes([file('a', '5', '7')], [file('a', '5', '7')])).toEqual([]);
  });
  it('tell what is gone, extra, larger or other', () => {
    expect(
      changes([s3('a', '1'), s3('b', '1'), s3('c', '1', 1)], [s3('b', '9'), s3('c', '1', 2), s3('d', '1')]),
    ).toEqual(['a gone', 'b tag', 'c size', 'd extra']);
  });
  it('with another time or inode are unverified, and only their bytes settle it', () => {
    expect(changes([file('a', '5', '7')], [file('a', '6', '7')])).toEqual(['a unverified']);
    expect(changes([file('a', '5', '7', { digest: digest('x') })], [file('a', '5', '8')])).toEqual(['a unverified']);
    expect(
      changes([file('a', '5', '7', { digest: digest('x') })], [file('a', '6', '8', { digest: digest('x') })]),
    ).toEqual([]);
    expect(
      changes([file('a', '5', '7', { digest: digest('x') })], [file('a', '6', '8', { digest: digest('y') })]),
    ).toEqual(['a content']);
  });
  it('without any tag are unverified', () => {
    expect(changes([s3('a', '1')], [{ path: 'a', size: 1, modifiedAt: 0 }])).toEqual(['a unverified']);
  });
  it('read deep trust digests alone', () => {
    expect(changes([s3('a', '1')], [s3('a', '1')], true)).toEqual(['a unverified']);
    expect(
      changes([{ ...s3('a', '1'), digest: digest('x') }], [{ ...s3('a', '2'), digest: digest('x') }], true),
    ).toEqual([]);
  });
});

describe('content identity', () => {
  const hash = blake3();
  it('is of paths, sizes and tags; never of times, inodes, order or _SUCCESS', () => {
    const a = [s3('a', '1'), s3('b', '2')];
    const same = [s3('_SUCCESS', '9'), { ...s3('b', '2'), modifiedAt: 9 }, s3('a', '1')];
    expect(contentIdentity(a, hash)).toBe(contentIdentity(same, hash));
    expect(contentIdentity([file('a', '1', '1', { digest: digest('x') })], hash)).toBe(
      contentIdentity([file('a', '2', '2', { digest: digest('x') })], hash),
    );
  });
  it('nobody knows it where a part has neither tag', () => {
    expect(contentIdentity([file('a', '1', '1')], hash)).toBeUndefined();
  });
  it('tells any two different sets of parts apart', () => {
    const parts = fc.uniqueArray(
      fc.record({
        path: fc.string({ maxLength: 3 }).filter((p) => !p.endsWith('_SUCCESS')),
        size: fc.nat(3),
        etag: fc.string({ maxLength: 2 }),
        modifiedAt: fc.nat(),
      }),
      { selector: (p) => p.path, maxLength: 4 },
    );
    const plain = (list: readonly Part[]) => JSON.stringify(list.map((p) => [p.path, p.size, p.etag]).sort());
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(contentIdentity(a, hash) === contentIdentity(b, hash)).toBe(plain(a) === plain(b));
      }),
      { numRuns: 3000 },
    );
  });
  it('takes a hundred thousand parts in its stride', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => s3(`part-${i}`, `${i}`));
    const changed = many.with(77_777, s3('part-77777', 'x'));
    expect(contentIdentity(many, hash)).not.toBe(contentIdentity(changed, hash));
  });
});

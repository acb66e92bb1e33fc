import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/core/error.js';
import { asStoreKey, joinKey } from '../../src/store/store-key.js';

describe('store keys', () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_.=-]{1,40}$/).filter((text) => text !== '.' && text !== '..');

  test('takes what it promises, unchanged', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 20 }), (segments) => {
        expect(joinKey(...segments)).toBe(segments.join('/'));
      }),
    );
    expect(asStoreKey('a'.repeat(255))).toHaveLength(255);
    expect(asStoreKey(`${'a'.repeat(255)}/`.repeat(3) + 'b'.repeat(132))).toHaveLength(900);
  });

  test.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    'a b',
    'ä',
    'a\\b',
    'a\0',
    'a\n',
    '🎉',
    'a:b',
    'a%2fb',
    'a'.repeat(256),
    `${'a'.repeat(255)}/`.repeat(3) + 'b'.repeat(133),
  ])('refuses %j', (text) => {
    expect(() => asStoreKey(text)).toThrow(ConfigError);
  });
});

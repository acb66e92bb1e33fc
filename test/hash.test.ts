import { describe, expect, it } from 'vitest';
import { blake3 } from '../src/hash.js';

const text = (s: string) => new TextEncoder().encode(s);

describe('BLAKE3', () => {
  it('is BLAKE3: the official vectors of no bytes and of one', () => {
    expect(blake3().digest(text(''))).toBe('blake3-af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262');
    expect(blake3().digest(new Uint8Array([0]))).toBe(
      'blake3-2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213',
    );
  });

  it('gives a stream the digest of its whole', () => {
    const stream = blake3().stream();
    stream.update(text('ab'));
    stream.update(text('c'));
    expect(stream.digest()).toBe(blake3().digest(text('abc')));
  });

  it('holds nothing back: half a million digests in one turn of the event loop cost next to no memory', () => {
    const bytes = text('a leaf of a key');
    blake3().digest(bytes);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 500_000; i++) blake3().digest(bytes);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(80);
  });
});

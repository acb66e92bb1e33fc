import { describe, expect, it } from 'vitest';
import { formatQuery } from '../../../src/drivers/s3/address.js';
import { createSign, sha256 } from '../../../src/drivers/s3/sign.js';

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Examples: Signature Calculations"
const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const NOW = Date.UTC(2013, 4, 24);
const host = 'examplebucket.s3.amazonaws.com';

describe("AWS's published examples", () => {
  it.each([
    {
      name: 'GET object',
      request: {
        method: 'GET',
        path: '/test.txt',
        query: '',
        headers: { host, range: 'bytes=0-9' },
        payload: sha256(''),
      },
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      name: 'PUT object',
      request: {
        method: 'PUT',
        path: '/test%24file.text',
        query: '',
        headers: { host, date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
        payload: sha256('Welcome to Amazon S3.'),
      },
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
    {
      name: 'GET bucket lifecycle',
      request: {
        method: 'GET',
        path: '/',
        query: formatQuery({ lifecycle: '' }),
        headers: { host },
        payload: sha256(''),
      },
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      name: 'GET bucket',
      request: {
        method: 'GET',
        path: '/',
        query: formatQuery({ prefix: 'J', 'max-keys': '2' }),
        headers: { host },
        payload: sha256(''),
      },
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ])('$name', ({ request, signature }) => {
    const sign = createSign('us-east-1');
    expect(sign(request, KEYS, NOW)['authorization']).toMatch(new RegExp(`Signature=${signature}$`));
    // Once more, with the cached key.
    expect(sign(request, KEYS, NOW)['authorization']).toContain(signature);
  });
});

describe('the cached signing key', () => {
  const request = { method: 'GET', path: '/', query: '', headers: { host }, payload: sha256('') };
  it('is another on another day and for another secret', () => {
    const sign = createSign('us-east-1');
    const first = sign(request, KEYS, NOW)['authorization'];
    for (const [keys, now] of [
      [KEYS, NOW + 86_400_000],
      [{ ...KEYS, secretAccessKey: 'other' }, NOW],
    ] as const) {
      const fresh = createSign('us-east-1')(request, keys, now)['authorization'];
      expect(sign(request, keys, now)['authorization']).toBe(fresh);
      expect(fresh).not.toBe(first);
    }
  });
  it('signs the session token', () => {
    const headers = createSign('us-east-1')(request, { ...KEYS, sessionToken: 'T' }, NOW);
    expect(headers['x-amz-security-token']).toBe('T');
    expect(headers['authorization']).toContain('x-amz-security-token');
  });
});

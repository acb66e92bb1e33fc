import { describe, expect, it } from 'vitest';
import {
  addressOf,
  awsEndpoint,
  canBeHost,
  escapeKey,
  formatQuery,
  hostHeader,
} from '../../../src/drivers/s3/address.js';

describe('escapeKey', () => {
  it.each([
    ['a//b', 'a//b'],
    ['../x/./y', '../x/./y'],
    ['a b+c', 'a%20b%2Bc'],
    ['%41', '%2541'],
    ["!'()*~", '%21%27%28%29%2A~'],
    ['ü/日', '%C3%BC/%E6%97%A5'],
    ['?#&=', '%3F%23%26%3D'],
    ['/lead/', '/lead/'],
  ])('%j', (key, path) => expect(escapeKey(key)).toBe(path));
});

it('formatQuery sorts and leaves out what is not given', () => {
  expect(formatQuery({ prefix: 'a/b c', 'list-type': '2', token: undefined, uploads: '' })).toBe(
    'list-type=2&prefix=a%2Fb%20c&uploads=',
  );
});

describe('addressing', () => {
  const lab = { protocol: 'http:', hostname: 'lab', port: 9000, path: '/s3' } as const;
  it('path style puts the bucket behind the path of the endpoint', () => {
    expect(addressOf(lab, 'b', true)).toEqual({ protocol: 'http:', hostname: 'lab', port: 9000, root: '/s3/b' });
  });
  it('virtual-host style puts it before the host', () => {
    const address = addressOf(awsEndpoint('eu-west-1'), 'b', false);
    expect(address).toMatchObject({ hostname: 'b.s3.eu-west-1.amazonaws.com', root: '' });
    expect(hostHeader(address)).toBe('b.s3.eu-west-1.amazonaws.com');
  });
  it('China has a domain of its own', () => expect(awsEndpoint('cn-north-1').hostname).toMatch(/amazonaws\.com\.cn$/));
  it('the host header names unusual ports only', () => {
    expect(hostHeader(addressOf(lab, 'b', true))).toBe('lab:9000');
    expect(hostHeader(addressOf({ ...lab, port: 80 }, 'b', true))).toBe('lab');
  });
  it.each([
    ['lake', true],
    ['my.lake', false],
    ['Lake', false],
    ['a_b', false],
  ])('canBeHost %s', (bucket, can) => expect(canBeHost(bucket)).toBe(can));
});

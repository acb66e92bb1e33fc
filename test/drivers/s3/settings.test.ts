import { describe, expect, it } from 'vitest';
import { parseIni } from '../../../src/drivers/s3/ini.js';
import { resolveSettings, type S3Options } from '../../../src/drivers/s3/settings.js';

const CONFIG = `
# people's own words
[default]
region = eu-central-1   ; the office
[profile lab]
region=us-west-2
endpoint_url = http://lab:9000
[profile two]
services = here
[services here]
s3 =
  endpoint_url = https://two.example/base/
  other = x#y
sts =
  endpoint_url = https://sts.example
[ profile  "quoted" ]
region = r
`;
const FILES: Record<string, string> = { '/home/me/.aws/config': CONFIG };
const settings = (options: Partial<S3Options> = {}, env: Record<string, string> = {}) =>
  resolveSettings({ bucket: 'lake', ...options }, { HOME: '/home/me', ...env }, (path) => FILES[path]);

it('parseIni knows nested blocks and comments', () => {
  const ini = parseIni(CONFIG);
  expect(ini.get('services here')).toMatchObject({
    's3.endpoint_url': 'https://two.example/base/',
    's3.other': 'x#y',
    'sts.endpoint_url': 'https://sts.example',
  });
  expect(ini.get('profile quoted')).toEqual({ region: 'r' });
  expect(ini.get('default')).toEqual({ region: 'eu-central-1' });
});

describe('region', () => {
  it.each([
    [{ region: 'a' }, { AWS_REGION: 'b' }, 'a'],
    [{}, { AWS_REGION: 'b', AWS_DEFAULT_REGION: 'c' }, 'b'],
    [{}, { AWS_DEFAULT_REGION: 'c' }, 'c'],
    [{}, {}, 'eu-central-1'],
    [{ profile: 'lab' }, {}, 'us-west-2'],
    [{}, { AWS_PROFILE: 'lab' }, 'us-west-2'],
    [{ profile: 'nobody' }, {}, 'us-east-1'],
    [{}, { AWS_CONFIG_FILE: '/none' }, 'us-east-1'],
  ])('%j %j -> %s', (options, env, region) => expect(settings(options, env as never).region).toBe(region));
});

describe('endpoint', () => {
  it.each([
    [{}, {}, false, 'lake.s3.eu-central-1.amazonaws.com', ''],
    [{ bucket: 'my.lake' }, {}, false, 's3.eu-central-1.amazonaws.com', '/my.lake'],
    [{ pathStyle: true }, {}, false, 's3.eu-central-1.amazonaws.com', '/lake'],
    [{ endpoint: 'http://a:1' }, { AWS_ENDPOINT_URL_S3: 'http://b:2' }, true, 'a', '/lake'],
    [{ endpoint: 'http://a:1', pathStyle: false }, {}, true, 'lake.a', ''],
    [{}, { AWS_ENDPOINT_URL_S3: 'http://b:2', AWS_ENDPOINT_URL: 'http://c' }, true, 'b', '/lake'],
    [{}, { AWS_ENDPOINT_URL: 'http://c' }, true, 'c', '/lake'],
    [{ profile: 'lab' }, {}, true, 'lab', '/lake'],
    [{ profile: 'two' }, {}, true, 'two.example', '/base/lake'],
    [{ profile: 'two' }, { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }, false, 'lake.s3.us-east-1.amazonaws.com', ''],
  ])('%j %j', (options, env, custom, hostname, root) => {
    const found = settings(options, env as never);
    expect(found.custom).toBe(custom);
    expect(found.address).toMatchObject({ hostname, root });
  });
  it.each(['ftp://x', 'lab:9000', '', 'http://user:secret@x', 'http://x/?q'])('%j', (endpoint) => {
    const resolve = () => settings({ endpoint });
    if (endpoint === '') return expect(resolve().custom).toBe(false);
    expect(resolve).toThrow(expect.objectContaining({ code: 'config/bad-endpoint' }));
    expect(resolve).toThrow(expect.not.objectContaining({ message: expect.stringContaining('secret') }));
  });
});

it('reads no file when it is told everything', () => {
  const options = { bucket: 'b', region: 'r', endpoint: 'http://x' };
  resolveSettings(options, {}, () => expect.unreachable());
});

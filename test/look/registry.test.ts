import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { registryDigest } from '../../src/look/registry.js';
import { folderWith } from '../rig/cli.js';
import { freePorts } from '../rig/free-port.js';
import { startStandIn } from '../rig/stand-in.js';
import { untilAnswers } from '../rig/until-answers.js';

const DIGEST = `sha256:${'b'.repeat(64)}`;
type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** What the registry at this address says of `team/tool:1`, and what it was asked. */
async function asked(answer: Answer, login?: string) {
  const server = await startStandIn('registry', async (request, response) => void (await answer(request, response)));
  onTestFinished(server.stop);
  const host = new URL(server.endpoint).host;
  const auths = login === undefined ? {} : { [host]: { auth: login } };
  withLogins(auths);
  return { digest: await registryDigest(`${host}/team/tool:1`), seen: server.seen };
}

function withLogins(auths: Record<string, { auth: string }>): void {
  const before = process.env['DOCKER_CONFIG'];
  process.env['DOCKER_CONFIG'] = folderWith({ 'config.json': JSON.stringify({ auths }) });
  onTestFinished(() => {
    if (before === undefined) delete process.env['DOCKER_CONFIG'];
    else process.env['DOCKER_CONFIG'] = before;
  });
}

it('a registry is asked once for the digest of a tag', async () => {
  const { digest, seen } = await asked((_, response) =>
    response.writeHead(200, { 'docker-content-digest': DIGEST }).end(),
  );
  expect(digest).toBe(DIGEST);
  expect(seen).toEqual([{ method: 'HEAD', path: '/v2/team/tool/manifests/1' }]);
});

it('it is given the token that it asks for, had with the login that is known here', async () => {
  const { digest, seen } = await asked((request, response) => {
    const { host, authorization } = request.headers;
    if (request.url!.startsWith('/token'))
      response
        .writeHead(authorization === 'Basic bWU6aGVyZQ==' ? 200 : 403)
        .end(JSON.stringify({ token: 'one-look-please' }));
    else if (authorization === 'Bearer one-look-please')
      response.writeHead(200, { 'docker-content-digest': DIGEST }).end();
    else
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",service="registry"` }).end();
  }, 'bWU6aGVyZQ==');
  expect(digest).toBe(DIGEST);
  expect(seen.map(({ path }) => path)).toEqual([
    '/v2/team/tool/manifests/1',
    '/token?service=registry&scope=repository%3Ateam%2Ftool%3Apull',
    '/v2/team/tool/manifests/1',
  ]);
});

const SAYS_NOTHING: Record<string, Answer> = {
  'no such tag': (_, response) => response.writeHead(404).end(),
  'a portal, not a registry': (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(),
  'a digest that is none': (_, response) => response.writeHead(200, { 'docker-content-digest': 'latest' }).end(),
  'a login nobody has': (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
  'a broken connection': (_, response) => response.destroy(),
};
for (const [what, answer] of Object.entries(SAYS_NOTHING))
  it(`${what}: then the tag is all that is known`, async () => {
    expect((await asked(answer)).digest).toBeUndefined();
  });

it('a registry that never answers is not waited for long', async () => {
  const { digest, seen } = await asked(() => new Promise(() => {}));
  expect(digest).toBeUndefined();
  expect(seen).toHaveLength(1);
});

const real = ['/usr/bin/docker-registry', 'docker-registry'].find((name) => {
  try {
    return execFileSync(name, ['--version'], { stdio: 'ignore' }) !== undefined;
  } catch {
    return false;
  }
});
it.runIf(real)('a real registry, where there is one (Debian: docker-registry)', async () => {
  const [folder, [port]] = [folderWith(), await freePorts(1)];
  mkdirSync(join(folder, 'data'));
  const config = `version: 0.1\nstorage: { filesystem: { rootdirectory: ${folder}/data } }\nhttp: { addr: 127.0.0.1:${port} }\n`;
  writeFileSync(join(folder, 'config.yml'), config);
  const child = spawn(real!, ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const at = `http://127.0.0.1:${port}/v2`;
  await untilAnswers(`${at}/`);
  const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const begun = await fetch(`${at}/team/tool/blobs/uploads/`, { method: 'POST' });
  const upload = `${begun.headers.get('location')}&digest=${digestOf('{}')}`;
  const octets = { 'content-type': 'application/octet-stream' };
  expect((await fetch(upload, { method: 'PUT', body: '{}', headers: octets })).status).toBe(201);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const conf = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('{}'), size: 2 };
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config: conf, layers: [] });
  const put = { method: 'PUT', body: manifest, headers: { 'content-type': mediaType } };
  expect((await fetch(`${at}/team/tool/manifests/1`, put)).status).toBe(201);
  withLogins({});
  expect(await registryDigest(`127.0.0.1:${port}/team/tool:1`)).toBe(digestOf(manifest));
  expect(await registryDigest(`127.0.0.1:${port}/team/tool:2`)).toBeUndefined();
});

import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { imageDigest } from '../../src/look/images.js';
import { folderWith } from '../rig/cli.js';

/** No container engine can be had here: what answers is a script that says what docker says. */
function docker(answer: string): { path: string; asked: () => number } {
  const folder = folderWith({ docker: `#!/bin/sh\necho "$@" >> "$(dirname "$0")/asked"\n${answer}\n` });
  chmodSync(join(folder, 'docker'), 0o755);
  const asked = () =>
    existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8').split('\n').length - 1 : 0;
  return { path: `${folder}:${process.env['PATH']}`, asked };
}

async function answered(image: string, answer: string) {
  const { path, asked } = docker(answer);
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  try {
    return [await imageDigest(image), await imageDigest(image), asked()];
  } finally {
    process.env['PATH'] = before;
  }
}

it('an image is what its tag stands for here, asked once; where nobody knows, the tag is all there is', async () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  expect(await answered('spark:3', `echo '["apache/spark@${digest}"]'`)).toEqual([digest, digest, 1]);
  expect(await answered('built:here', "echo '[]'")).toEqual([undefined, undefined, 1]);
  expect(await answered('not:pulled', 'echo "No such image" >&2; exit 1')).toEqual([undefined, undefined, 1]);
  expect(await answered(`spark@${digest}`, 'exit 9')).toEqual([undefined, undefined, 0]);
  expect(await imageDigest('nobody:asked', '/nonexistent')).toBeUndefined();
});

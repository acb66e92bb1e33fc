import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, expect, test, vi } from 'vitest';
import { freshBucket, rigServer } from './rig-server.js';
import { startS3Server } from './s3-servers.js';
import { Witness } from './sdk.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the rig has a real server that keeps what it is given', async () => {
  const witness = new Witness(rigServer(), await freshBucket());
  const body = new TextEncoder().encode('hello');
  await witness.put('a', body);
  expect((await witness.get('a'))?.body).toEqual(body);
  expect(await witness.get('b')).toBeUndefined();
  await expect(witness.put('a', body, true)).rejects.toThrow();
  witness.close();
});

test.each([
  ['versitygw', 'go install github.com/versity/versitygw'],
  ['radosgw', 'apt-get install'],
])('without %s the run fails and says what to install', async (server, hint) => {
  vi.stubEnv('PATH', '/nonexistent');
  vi.stubEnv('STEPASIDE_NO_INSTALL', '1');
  vi.stubEnv('STEPASIDE_TEST_SERVER', server);
  await expect(startS3Server()).rejects.toThrow(hint);
});

test('an unknown server name is refused', async () => {
  vi.stubEnv('STEPASIDE_TEST_SERVER', 'minoi');
  await expect(startS3Server()).rejects.toThrow('known are');
});

test('a run that is killed leaves neither process nor folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stepaside-killed-'));
  const outfile = join(folder, 'killed.mjs');
  await build({
    stdin: {
      contents: `
        import { Household } from './household.ts';
        const home = await Household.begin('killed-run');
        const child = home.start('sleep', 'sleep', ['600']);
        console.log(JSON.stringify({ pid: child.pid, folder: home.folder }));
        setInterval(() => {}, 1000);`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      loader: 'ts',
    },
    ...{ bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' },
  });
  const run = spawn(process.execPath, [outfile], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STEPASIDE_RIG_FOLDER: fileURLToPath(new URL('.', import.meta.url)) },
  });
  let said: { pid: number; folder: string } | undefined;
  for await (const line of createInterface(run.stdout)) {
    said = JSON.parse(line) as { pid: number; folder: string };
    break;
  }
  const { pid, folder: home } = said!;
  expect(alive(pid)).toBe(true);
  expect(existsSync(home)).toBe(true);
  run.kill('SIGKILL');
  await vi.waitFor(() => expect([alive(pid), existsSync(home)]).toEqual([false, false]), { timeout: 10_000 });
  await rm(folder, { recursive: true });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

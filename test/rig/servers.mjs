// npm run test:servers [-- more vitest arguments]: the tests that meet a server, once per server that can be had here.
// Ends non-zero if any of them failed, or if there was none.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const out = join(root, `node_modules/.cache/stepaside-servers/${process.pid}`);
const folders = ['test/conformance', 'test/drivers', 'test/faults'].filter((folder) => existsSync(join(root, folder)));

process.env.STEPASIDE_RIG_FOLDER = here;
await mkdir(out, { recursive: true });
const rows = [];
try {
  const outfile = join(out, 's3-servers.mjs');
  await build({
    entryPoints: [join(here, 's3-servers.ts')],
    ...{
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      outfile,
      logLevel: 'error',
    },
  });
  const { servers } = await import(pathToFileURL(outfile).href);
  for (const [name, start] of Object.entries(servers)) {
    const row = { server: name, version: '', result: '', seconds: 0, why: '' };
    rows.push(row);
    try {
      // Started once to know whether it is here, and which it is; vitest then starts its own.
      const server = await start();
      row.version = server.version;
      await server.stop();
    } catch (error) {
      row.result = error.constructor.name === 'NotHere' ? 'not here' : 'FAILED';
      row.why = String(error.message).split('\n')[0];
      continue;
    }
    const began = Date.now();
    row.result = (await vitest(name)) ? 'passed' : 'FAILED';
    row.seconds = Math.round((Date.now() - began) / 1000);
  }
} finally {
  await rm(out, { recursive: true, force: true });
}

console.table(rows);
const ran = rows.filter(({ result }) => result === 'passed');
if (ran.length === 0) console.error('test:servers: no server passed, or none can be had here');
process.exit(rows.some(({ result }) => result === 'FAILED') || ran.length === 0 ? 1 : 0);

function vitest(server) {
  return new Promise((done) => {
    console.log(`\n== ${server}`);
    const child = spawn(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...folders, ...process.argv.slice(2)],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, STEPASIDE_TEST_SERVER: server, STEPASIDE_RIG_FOLDER: here },
      },
    );
    child.on('exit', (code) => done(code === 0));
  });
}

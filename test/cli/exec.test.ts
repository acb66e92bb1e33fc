import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket } from '../rig/sdk.js';

const JOB = 'cat in.txt > out.txt; echo ran >> log\n';
const lines = (cwd: string) =>
  existsSync(join(cwd, 'log')) ? readFileSync(join(cwd, 'log'), 'utf8').trim().split('\n').length : 0;
const job = (...words: string[]) => ['exec', ...words, '--', 'sh', 'job.sh'];

describe('exec', () => {
  it('runs a command once, and again when what it reads or makes has changed', async () => {
    const cwd = folderWith({ 'job.sh': JOB, 'in.txt': 'a' });
    const words = job('--output', 'out.txt', '--input', 'in.txt');
    expect((await stepaside(words, { cwd })).code).toBe(0);
    const again = await stepaside(words, { cwd });
    expect([again.code, lines(cwd)]).toEqual([0, 1]);
    expect(again.stderr).toContain('parts-match');
    writeFileSync(join(cwd, 'in.txt'), 'b');
    await stepaside(words, { cwd });
    expect(lines(cwd)).toBe(2);
    writeFileSync(join(cwd, 'out.txt'), 'spoilt');
    expect((await stepaside(words, { cwd })).stderr).toContain('parts-changed');
    expect([lines(cwd), readFileSync(join(cwd, 'out.txt'), 'utf8')]).toEqual([3, 'b']);
  });

  it('hashes files that its words name, also behind "="', async () => {
    const cwd = folderWith({ 'job.sh': JOB, 'in.txt': 'a', 'conf.yaml': '1' });
    const words = ['exec', '-o', 'out.txt', '--', 'sh', 'job.sh', '--conf=conf.yaml'];
    await stepaside(words, { cwd });
    await stepaside(words, { cwd });
    expect(lines(cwd)).toBe(1);
    writeFileSync(join(cwd, 'conf.yaml'), '2');
    await stepaside(words, { cwd });
    expect(lines(cwd)).toBe(2);
    const told = await stepaside(['exec', '-v', '-o', 'out.txt', '--', 'sh', 'job.sh', '--conf=conf.yaml'], { cwd });
    expect(told.stderr).toMatch(/files\.conf\.yaml .*blake3-/);
  });

  it("returns the command's own code, and its own for what is not the command's", async () => {
    const cwd = folderWith({ 'in.txt': '' });
    const code = async (...words: string[]) => (await stepaside(['exec', ...words], { cwd })).code;
    expect(await code('--when-missing', 'x', '--', 'sh', '-c', 'exit 7')).toBe(7);
    expect(await code('--when-missing', 'x', '--', 'no-such-program-anywhere')).toBe(127);
    expect(await code('--when-missing', 'x', '--', './in.txt')).toBe(126);
    expect(
      await code('--when-missing', 's3://no-such-bucket-x/y', '--endpoint-url', 'http://127.0.0.1:9', '--', 'true'),
    ).not.toBe(1);
    expect(await code('--output', 'o/', '--', 'true')).toBe(2);
    expect(await code('--', 'true')).toBe(2);
    expect(await code('--output', 'o/')).toBe(2);
    expect(await code('--policy', 'prats', '--output', 'o/', '--', 'true')).toBe(2);
    expect(await code('--output', 'o', '--input', 'none', '--', 'true')).toBe(125);
  });

  it('--when-missing runs only while something is surely not there', async () => {
    const cwd = folderWith({ 'job.sh': JOB, 'in.txt': 'a' });
    expect((await stepaside(job('--when-missing', 'out.txt'), { cwd })).stderr).toContain('condition-true');
    expect((await stepaside(job('--when-missing', 'out.txt'), { cwd })).stderr).toContain('condition-false');
    expect(lines(cwd)).toBe(1);
  });

  it('leaves no record of leftovers, and says which mode would', async () => {
    const cwd = folderWith({ 'out/old': 'x' });
    const exec = (...words: string[]) =>
      stepaside(
        [
          'exec',
          '-o',
          'out/',
          '--no-inputs',
          ...words,
          '--',
          'sh',
          '-c',
          'mkdir -p out; echo x >> log; cp log out/new',
        ],
        { cwd },
      );
    const first = await exec();
    expect([
      first.code,
      first.stderr.includes('not recorded: leftovers'),
      first.stderr.includes('mode: replace'),
    ]).toEqual([0, true, true]);
    expect((await exec()).stderr).toContain('partial');
    expect((await exec('--mode', 'replace')).stderr).not.toContain('not recorded');
    expect(existsSync(join(cwd, 'out/old'))).toBe(false);
    expect((await exec('--mode', 'replace')).stderr).toContain('parts-match');
    expect(lines(cwd)).toBe(3);
  });

  it('shares a cache on S3: probed once, hit from another folder of the same place', async () => {
    const s3 = inject('s3');
    const bucket = `exec-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const env = accountOf(s3);
    const cwd = folderWith({ 'job.sh': JOB, 'in.txt': 'a' });
    const cache = ['--cache', `s3://${bucket}/cache`];
    const words = job('-o', 'out.txt', '-i', 'in.txt', ...cache);
    const first = await stepaside(words, { cwd, env });
    expect([first.code, first.stderr.includes('best effort')]).toEqual([0, false]);
    expect((await stepaside(words, { cwd, env })).stderr).toContain('parts-match');
    expect([lines(cwd), existsSync(join(cwd, '.stepaside/v1'))]).toEqual([1, false]);
    const listed = await stepaside(['ls', ...cache, '--json'], { cwd, env });
    expect((listed.json()['records'] as unknown[]).length).toBe(1);
  });
});

describe('plan', () => {
  it('reads what no record speaks for as run does', async () => {
    const cwd = folderWith({
      'a.txt': 'from before',
      'stepaside.yaml': `apiVersion: stepaside/v1
kind: Workflow
name: w
steps:
  - { name: a, run: "false", policy: exists, outputs: [{ path: a.txt, atomic: true }] }
  - { name: b, needs: [a], run: "cp a.txt b.txt", outputs: [{ path: b.txt, atomic: true }] }
`,
    });
    expect((await stepaside(['run'], { cwd })).stderr).toContain('1 avoided, 1 ran');
    const planned = await stepaside(['plan', '--exit-code'], { cwd });
    expect([planned.code, planned.stdout.includes('0 to run, 2 avoided')]).toEqual([0, true]);
  });
});

describe('caretaking', () => {
  const WORKFLOW = `apiVersion: stepaside/v1
kind: Workflow
name: care
params: { token: { secret: true, default: "canary-secret-4711" } }
steps:
  - name: make
    run: 'echo x >> log; echo "$TOKEN"; echo made > out.txt'
    env: { TOKEN: "{{params.token}}" }
    inputs: { params: [] }
    outputs: [{ path: out.txt, atomic: true }]
`;
  const inFolder = () => {
    const cwd = folderWith({ 'stepaside.yaml': WORKFLOW });
    return { cwd, say: async (...words: string[]) => stepaside(words, { cwd }) };
  };
  type Records = { key: string; attempt: number; tombstoned: boolean; pinned: boolean }[];

  it('ls, show, invalidate with preview and undo, pin', async () => {
    const { cwd, say } = inFolder();
    await say('run');
    const records = async () => (await say('ls', '--json')).json()['records'] as Records;
    const [{ key } = { key: '' }] = await records();
    const shown = await say('show', key.slice(0, 16));
    for (const word of ['care/make', 'attempt 1', 'command', 'out.txt']) expect(shown.stdout).toContain(word);
    expect((await say('invalidate', '--step', 'make', '--dry-run')).stdout).toContain('would invalidate');
    expect((await records())[0]).toMatchObject({ tombstoned: false });
    await say('invalidate', key);
    expect((await say('why', 'make')).stdout).toContain('invalidated');
    await say('invalidate', key, '--undo');
    expect((await say('plan', '--exit-code')).code).toBe(0);
    await say('pin', '--step', 'make');
    expect((await records())[0]).toMatchObject({ pinned: true, tombstoned: false });
    expect(lines(cwd)).toBe(1);
    expect((await say('show', 'ffff')).code).toBe(2);
  });

  it('keeps a secret out of records, logs and words', async () => {
    const { cwd, say } = inFolder();
    const ran = await say('run', '-v');
    const told = [ran, await say('ls', '--json'), await say('why', 'make', '-v'), await say('plan', '--json')];
    expect(told.map(({ stdout, stderr }) => stdout + stderr).join('')).not.toContain('canary-secret');
    const { execFileSync } = await import('node:child_process');
    const found = execFileSync('sh', ['-c', 'grep -rl canary-secret .stepaside || true'], { cwd }).toString();
    expect(found).toBe('');
    expect(ran.stderr).toContain('***');
  });

  it('hides accounts from the log of a step that tells its environment', async () => {
    const cwd = folderWith({
      'stepaside.yaml': 'name: w\nsteps:\n  - { name: a, run: env, outputs: [{ path: o, atomic: true }] }\n',
    });
    const env = {
      STEPASIDE_SECRET: 'canary-one',
      AWS_SECRET_ACCESS_KEY: 'canary-two',
      AWS_SESSION_TOKEN: 'canary-three',
    };
    const { stderr } = await stepaside(['run', '-v'], { cwd, env });
    expect(stderr).toContain('AWS_SESSION_TOKEN=***');
    expect(stderr).not.toContain('canary');
  });

  it('touch adopts what is complete and refuses what is not', async () => {
    const { cwd, say } = inFolder();
    expect((await say('touch')).code).toBe(3);
    writeFileSync(join(cwd, 'out.txt'), 'from before');
    expect((await say('touch', '--dry-run')).stdout).toContain('would adopt');
    expect((await say('plan', '--exit-code')).code).toBe(10);
    expect((await say('touch')).stdout).toContain('adopted');
    expect((await say('run')).stderr).toContain('parts-match');
    expect(lines(cwd)).toBe(0);
  });

  it('rerun forces the named step with the parameters of that run', async () => {
    const { cwd, say } = inFolder();
    const begun = (await say('run', '--json')).stdout.split('\n')[0] ?? '{}';
    const { run } = JSON.parse(begun) as { run: string };
    expect((await say('rerun', run)).stderr).toContain('1 avoided');
    expect((await say('rerun', run, 'make')).stderr).toContain('forced');
    expect(lines(cwd)).toBe(2);
    expect((await say('rerun', '20000101-000000-aaaaaa')).code).toBe(2);
  });

  it('unlock shows no leases where there are none', async () => {
    const { say } = inFolder();
    expect((await say('unlock', '--json')).json()).toMatchObject({ leases: [] });
  });
});

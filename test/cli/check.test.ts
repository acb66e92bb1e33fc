import { randomBytes } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkFor, sdkMakeBucket } from '../rig/sdk.js';

const s3 = inject('s3');
const bucket = `check-${randomBytes(4).toString('hex')}`;
const env = accountOf(s3);
const hadoop = (more: object = {}) =>
  JSON.stringify({ name: 'org.apache.hadoop.fs.s3a.commit.files.SuccessData/1', jobId: 'job-7', ...more });

beforeAll(async () => {
  await sdkMakeBucket(s3, bucket);
  const client = sdkFor(s3);
  const objects: Record<string, string> = {
    'done/part-0': 'data',
    'done/_SUCCESS': '',
    's3a/part-0': 'data',
    's3a/_SUCCESS': hadoop(),
    'failed/part-0': 'data',
    'failed/_SUCCESS': hadoop({ success: false }),
    'half/part-0': 'data',
    'busy/_temporary/0/part-0': 'data',
    'keyed/_KEY': 'K42\n',
    'claim/_stepaside.json': JSON.stringify({ v: 1, key: 'K', attempt: 1, state: 'running' }),
    'month/dt=2024-01-01/a.parquet': 'x',
    'month/dt=2024-01-02/a.parquet': 'x',
    'month/dt=2024-01-02/_SUCCESS': '',
    'odd name/[x]*?': 'x',
  };
  for (const [Key, Body] of Object.entries(objects))
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  client.destroy();
});

const at = (path: string) => `s3://${bucket}/${path}`;

describe('check LOCATION on S3', () => {
  it.each<[string, string[], number, string]>([
    ['an object', [at('done/part-0')], 0, 'present'],
    ['an object that is not there', [at('done/part-1')], 10, 'absent'],
    ['a tree', [at('done/')], 0, 'present'],
    ['a tree with nothing in it', [at('none/')], 10, 'absent'],
    ['a tree with nothing that counts', [at('busy/')], 10, 'absent'],
    ['a tree by its marker', [at('done/'), '--marker', '_SUCCESS'], 0, 'present'],
    ['a Hadoop marker', [at('s3a/'), '--marker', '_SUCCESS'], 0, 'present'],
    ["a failed job's marker", [at('failed/'), '--marker', '_SUCCESS'], 10, 'absent'],
    ["a failed job's marker, named as an object", [at('failed/_SUCCESS')], 10, 'absent'],
    ['a tree without its marker', [at('half/'), '--marker', '_SUCCESS'], 10, 'absent'],
    ['a tree somebody writes to', [at('busy/'), '--marker', '_SUCCESS'], 10, 'partial'],
    ['a marker that holds the key', [at('keyed/'), '--marker', '_KEY', '--key', 'K42'], 0, 'present'],
    ['a marker that holds another', [at('keyed/'), '--marker', '_KEY', '--key', 'K43'], 10, 'absent'],
    ['an object that holds the text', [at('keyed/_KEY'), '--content', 'K42'], 0, 'present'],
    ['an object that must be empty and is', [at('done/_SUCCESS'), '--content', ''], 0, 'present'],
    ['an object that must be empty and is not', [at('keyed/_KEY'), '--content', ''], 10, 'absent'],
    ['a claim', [at('claim/_stepaside.json')], 10, 'partial'],
    ['s3a:// means s3://', [at('done/part-0').replace('s3:', 's3a:')], 0, 'present'],
    ['names that look like patterns are literal', [at('odd name/[x]*?')], 0, 'present'],
    ['enough names', [at('month/'), '--glob', 'dt=*/*.parquet', '--min', '2'], 0, 'present'],
    ['too few names', [at('month/'), '--glob', 'dt=*/*.parquet', '--min', '3'], 10, 'partial'],
    ['markers do not count', [at('month/'), '--glob', 'dt=*/*', '--min', '3'], 10, 'partial'],
    ['too few bytes', [at('month/'), '--glob', 'dt=*/*.parquet', '--min', '2', '--min-bytes', '3'], 10, 'partial'],
    ['a missing bucket is not an absence', ['s3://no-such-bucket-here/x'], 3, 'unknown'],
    ['one sure absence decides', ['s3://no-such-bucket-here/x', at('none')], 10, 'unknown'],
    ['all are present', [at('done/'), at('s3a/')], 0, 'present'],
  ])('%s', async (_, words, code, state) => {
    const ran = await stepaside(['check', ...words, '--json'], { env });
    expect(ran.code, ran.stdout + ran.stderr).toBe(code);
    const {
      results,
      exitCode,
      stepaside: version,
    } = ran.json() as { results: { state: string }[]; exitCode: number; stepaside: number };
    expect([results[0]!.state, exitCode, version]).toEqual([state, code, 1]);
    expect(ran.stderr).toBe('');
  });

  it('says the word bucket when the bucket is missing, and shows evidence with -v', async () => {
    const missing = await stepaside(['check', 's3://no-such-bucket-here/x'], { env });
    expect(missing.stdout).toMatch(/^unknown .*bucket/m);
    const shown = await stepaside(['check', at('s3a/'), '--marker', '_SUCCESS', '-v'], { env });
    expect(shown.stdout).toMatch(/^present .*its marker is there$/m);
    expect(shown.stdout).toContain('hadoop, job job-7');
    expect(shown.stdout).not.toContain('\u001b');
  });

  it.each([
    ['wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, /secret/i],
    [
      'no credentials',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' },
      /credentials/i,
    ],
    ['nobody listens', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }, /refused/i],
  ])('%s: exit 3, the cause, and never the secret', async (_, more, why) => {
    const ran = await stepaside(['check', at('done/part-0')], { env: { ...env, ...more } });
    expect(ran.code, ran.stdout + ran.stderr).toBe(3);
    expect(ran.stdout).toMatch(why);
    expect(ran.stdout + ran.stderr).not.toContain(env.AWS_SECRET_ACCESS_KEY);
  });

  it('gives the same answers through both wires', async () => {
    const words = ['check', at('done/'), at('none'), at('keyed/_KEY'), 's3://no-such-bucket-here/x', '--json'];
    const [lean, sdk] = await Promise.all(
      ['lean', 'sdk'].map((wire) => stepaside(words, { env: { ...env, STEPASIDE_S3: wire } })),
    );
    expect(sdk!.code).toBe(lean!.code);
    const states = (ran: typeof lean) =>
      (ran!.json()['results'] as { state: string; etag?: string }[]).map(({ state, etag }) => [state, etag]);
    expect(states(sdk)).toEqual(states(lean));
  });
});

describe('check LOCATION on files', () => {
  it('tells a file, a folder, and neither', async () => {
    const cwd = folderWith({ 'out/part-0': 'x', 'out/_SUCCESS': '' });
    const ran = await stepaside(['check', 'out/part-0', 'out/', 'out', 'gone'], { cwd });
    expect(ran.code).toBe(10);
    expect(ran.stdout.split('\n').map((line) => line.split(/ +/)[0])).toEqual([
      'present',
      'present',
      'absent',
      'absent',
      '',
    ]);
    expect(ran.stdout).toContain('write out/ to mean what is in it');
  });

  it('counts by a glob as on S3', async () => {
    const cwd = folderWith({ 'm/dt=1/a.csv': 'x', 'm/dt=2/a.csv': 'x', 'm/_x/a.csv': 'x', 'm/dt=2/.a.csv.crc': 'x' });
    expect((await stepaside(['check', 'm/', '--glob', '**/*.csv', '--min', '2'], { cwd })).code).toBe(0);
    expect((await stepaside(['check', 'm/', '--glob', '**/*.csv', '--min', '3'], { cwd })).code).toBe(10);
  });

  it('knows a volume by its name, and says so when it is not mounted', async () => {
    const cwd = folderWith({
      'mnt/x': 'x',
      'stepaside.config.yaml': 'stores:\n  pvc://training: { mount: mnt }\n  pvc://gone: { mount: /nowhere }\n',
    });
    expect((await stepaside(['check', 'pvc://training/x'], { cwd })).code).toBe(0);
    expect((await stepaside(['check', 'pvc://training/y'], { cwd })).code).toBe(10);
    const gone = await stepaside(['check', 'pvc://gone/x'], { cwd });
    expect([gone.code, gone.stdout]).toEqual([3, expect.stringMatching(/unknown .*mount/)]);
    const unmapped = await stepaside(['check', 'pvc://other/x'], { cwd });
    expect([unmapped.code, unmapped.stderr]).toEqual([2, expect.stringContaining('pvc://other')]);
  });

  it('sees the folders that Spark makes before its first file', async () => {
    const cwd = folderWith({ 't/part-0': 'x', 't/_SUCCESS': '' });
    expect((await stepaside(['check', 't/', '--marker', '_SUCCESS'], { cwd })).code).toBe(0);
    mkdirSync(join(cwd, 't/_temporary/0'), { recursive: true });
    const ran = await stepaside(['check', 't/', '--marker', '_SUCCESS'], { cwd });
    expect([ran.code, ran.stdout]).toEqual([10, expect.stringMatching(/^partial .*_temporary/)]);
  });

  it('reads large reports of failed jobs, and takes no cut one for success', async () => {
    const cwd = folderWith({
      'large/_SUCCESS': hadoop({
        success: false,
        filenames: Array.from({ length: 900 }, (_, i) => `part-${i}-${'x'.repeat(70)}`),
      }),
      'cut/_SUCCESS': hadoop({ success: false }).slice(0, -4),
      'data.txt': '{{ a template }}',
    });
    expect((await stepaside(['check', 'large/_SUCCESS'], { cwd })).code).toBe(10);
    expect((await stepaside(['check', 'cut/_SUCCESS'], { cwd })).code).toBe(3);
    expect((await stepaside(['check', 'cut/', '--marker', '_SUCCESS'], { cwd })).code).toBe(3);
    expect((await stepaside(['check', 'data.txt'], { cwd })).code).toBe(0);
  });

  it('finds the key in our own marker, too', async () => {
    const cwd = folderWith({ 'm/_stepaside.json': JSON.stringify({ v: 1, key: 'K1', attempt: 1, state: 'complete' }) });
    expect((await stepaside(['check', 'm/', '--marker', '_stepaside.json', '--key', 'K1'], { cwd })).code).toBe(0);
    expect((await stepaside(['check', 'm/', '--marker', '_stepaside.json', '--key', 'K2'], { cwd })).code).toBe(10);
  });

  it('does not let a name forge a line', async () => {
    const ran = await stepaside(['check', 'a\npresent  s3://lake/x'], { cwd: folderWith() });
    expect(ran.stdout.split('\n')).toHaveLength(2);
  });

  it('does not take a folder nobody may read for an empty one', async () => {
    const cwd = folderWith({ 'loop/x': '' });
    const long = 'x'.repeat(300);
    expect((await stepaside(['check', `${long}`], { cwd })).code).toBe(3);
  });
});

describe('check -f FILE', () => {
  const yaml = `apiVersion: stepaside/v1
kind: Workflow
name: daily
params: { date: "2024-01-01" }
steps:
  - name: extract
    when: { pathNotExists: [ "raw/dt={{params.date}}/_SUCCESS" ] }
    run: "true"
  - name: clean
    policy: spark
    run: "true"
    outputs: [ { name: table, path: "clean/{{params.date}}/", marker: _SUCCESS } ]
  - name: plain
    run: "true"
    outputs: [ { name: model, path: model.bin } ]
  - name: keyed
    run: "true"
    outputs: [ { name: k, path: keyed/, marker: _KEY, match: key } ]
  - name: probed
    run: "true"
    outputs: [ { name: rows, probe: "exit $CODE" } ]
  - name: report
    forEach: { day: { from: "2024-01-01", to: "2024-01-03", every: 1d } }
    run: "true"
    outputs: [ { name: html, path: "out/{{each.day}}.html", atomic: true } ]
`;
  const line = (stdout: string, step: string) => stdout.split('\n').find((l) => l.startsWith(`${step} `)) ?? '';

  it('asks conditions for presence and outputs for completeness', async () => {
    const cwd = folderWith({
      'stepaside.yaml': yaml,
      'raw/dt=2024-01-01/_SUCCESS': '',
      'clean/2024-01-01/part-0': 'x',
      'clean/2024-01-01/_SUCCESS': '',
      'model.bin': 'x',
      'keyed/x': 'x',
      'keyed/_KEY': 'another',
      'out/2024-01-02.html': 'x',
    });
    const past = new Date(Date.now() - 60_000);
    utimesSync(join(cwd, 'clean/2024-01-01/part-0'), past, past);
    const ran = await stepaside(['check', '-f', 'stepaside.yaml'], { cwd, env: { CODE: '10' } });
    expect(ran.code, ran.stderr).toBe(10);
    expect(line(ran.stdout, 'extract')).toMatch(/when +present/);
    expect(line(ran.stdout, 'clean')).toMatch(/table +present/);
    expect(line(ran.stdout, 'plain')).toMatch(/model +unverified/);
    expect(line(ran.stdout, 'keyed')).toMatch(/k +absent .*"another"/);
    expect(line(ran.stdout, 'report[2024-01-02]')).toMatch(/html +present/);
    expect(line(ran.stdout, 'report[2024-01-03]')).toMatch(/html +absent/);

    utimesSync(
      join(cwd, 'clean/2024-01-01/_SUCCESS'),
      new Date(past.getTime() - 60_000),
      new Date(past.getTime() - 60_000),
    );
    expect((await stepaside(['check', '-f', 'stepaside.yaml', 'clean'], { cwd })).stdout).toMatch(/outdated/);
    expect((await stepaside(['check', '-f', 'stepaside.yaml', 'plain'], { cwd })).code).toBe(3);
    expect((await stepaside(['check', '-f', 'stepaside.yaml', 'report[2024-01-02]'], { cwd })).code).toBe(0);
  });

  it('a step with nothing to look at is never done, and a probe tells no secret', async () => {
    const steps = `apiVersion: stepaside/v1
kind: Workflow
name: x
params: { token: { secret: true } }
stores: { "pvc://tr": { mount: mnt } }
steps:
  - { name: bare, run: "true" }
  - { name: mounted, run: "true", outputs: [ { path: "pvc://tr/x", atomic: true } ] }
  - { name: probed, run: "true", outputs: [ { name: rows, probe: [sh, -c, "exit 0", "{{params.token}}"] } ] }
  - { name: gone, run: "true", outputs: [ { name: rows, probe: [no-such-program-here] } ] }
`;
    const cwd = folderWith({ 'stepaside.yaml': steps, 'mnt/x': 'x' });
    const words = ['check', '-f', 'stepaside.yaml', '--param', 'token=canary-81'];
    const bare = await stepaside([...words, 'bare'], { cwd });
    expect([bare.code, bare.stdout]).toEqual([10, expect.stringContaining('always runs')]);
    expect((await stepaside([...words, 'mounted'], { cwd })).code).toBe(0);
    const probed = await stepaside([...words, 'probed', '--json'], { cwd });
    expect([probed.code, probed.stdout.includes('canary')]).toEqual([0, false]);
    const began = process.hrtime.bigint();
    expect((await stepaside([...words, 'gone'], { cwd })).code).toBe(3);
    expect(Number(process.hrtime.bigint() - began) / 1e9).toBeLessThan(30);
  });

  it('believes a marker that carries the key that `stepaside key` tells', async () => {
    const cwd = folderWith({ 'stepaside.yaml': yaml, 'keyed/x': 'x' });
    const key = (await stepaside(['key', 'keyed', '--json'], { cwd })).json()['steps'] as { key: string }[];
    mkdirSync(join(cwd, 'keyed'), { recursive: true });
    writeFileSync(join(cwd, 'keyed/_KEY'), `${key[0]!.key}\n`);
    expect((await stepaside(['check', '-f', 'stepaside.yaml', 'keyed'], { cwd })).code).toBe(0);
  });

  it.each([
    ['0', 0, 'present'],
    ['10', 10, 'absent'],
    ['1', 3, 'unknown'],
  ])('a probe that ends with %s', async (CODE, code, state) => {
    const cwd = folderWith({ 'stepaside.yaml': yaml });
    const ran = await stepaside(['check', '-f', 'stepaside.yaml', 'probed'], { cwd, env: { CODE } });
    expect([ran.code, ran.stdout]).toEqual([code, expect.stringContaining(state)]);
  });
});

describe('the words of a call', () => {
  it.each<[string[], number, RegExp]>([
    [['check'], 2, /which LOCATION/],
    [['check', 'x', '--glob', '*'], 2, /--glob needs --min/],
    [['check', 'x', '--glob', '*', '--min', '1'], 2, /needs a tree.*\n.*x\//],
    [['check', 'x/', '--glob', '*', '--min', 'two'], 2, /whole number/],
    [['check', 'x/', '--min', '2'], 2, /--min goes with --glob/],
    [['check', 'x/', '--content', 'y'], 2, /which marker/],
    [['check', 'x', '--content', 'y', '--key', 'z'], 2, /exclude/],
    [['check', 'x', '--marke', 'y'], 2, /did you mean --marker/],
    [['check', 'x', '--marker'], 2, /--marker needs a value/],
    [['check', 'x', '--marker', 'a', '--marker', 'b'], 2, /given twice/],
    [['check', 'gs://x/y'], 2, /no store "gs:\/\/"/],
    [['check', 's3://B!/y'], 2, /no bucket name/],
    [['check', '-f', 'none.yaml'], 2, /none\.yaml/],
    [['check', '-f', 'none.yaml', '--marker', 'x'], 2, /goes with LOCATION/],
    [['check', 'x/', '--glob', '{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}', '--min', '1'], 2, /alternatives/],
    [['check', 'x/', '--glob', './*', '--min', '1'], 2, /below its tree/],
    [['check', 's3://lake/x/', '--marker', '/tmp/DONE'], 2, /absolute path/],
    [['check', 'x/', '--marker', ''], 2, /needs a name/],
    [['check', 's3:/lake/x'], 2, /URI and is none/],
    [['check', 'x', '--param', 'a=b'], 2, /goes with -f/],
    [['chekc'], 2, /did you mean check/],
    [['completion', 'tcsh'], 2, /bash, zsh or fish/],
    [['doctor', '--probe'], 2, /below which LOCATION/],
    [['key', '-f', 'none.yaml'], 2, /none\.yaml/],
  ])('%j is refused with a hint and no trace', async (words, code, why) => {
    const ran = await stepaside(words, { cwd: folderWith() });
    expect(ran.code, ran.stderr).toBe(code);
    expect(ran.stderr).toMatch(why);
    expect(ran.stderr).not.toMatch(/\n\s+at |bug in/);
    expect(ran.stdout).toBe('');
  });

  it.each([
    [['check', '--json'], 'usage'],
    [['check', 'pvc://nope/x', '--json'], 'config/unmapped-volume'],
    [['check', 'gs://x', '--json'], 'config/bad-location'],
  ])('%j tells its error as data, too', async (words, code) => {
    const ran = await stepaside(words, { cwd: folderWith() });
    expect(ran.json()).toMatchObject({
      stepaside: 1,
      command: 'check',
      exitCode: ran.code,
      error: { code, message: expect.any(String) },
    });
  });

  it('shows help with examples first, for all and for each', async () => {
    for (const words of [
      ['--help'],
      ['check', '--help'],
      ['doctor', '-h'],
      ['help', 'key'],
      ['validate', '-h'],
      ['completion', '-h'],
    ]) {
      const ran = await stepaside(words);
      expect(ran.code).toBe(0);
      expect(ran.stdout.indexOf('Examples')).toBeGreaterThan(0);
      expect(ran.stdout.indexOf('Examples')).toBeLessThan(ran.stdout.search(/Options|Commands/));
    }
    expect((await stepaside(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('survives a reader that goes away', async () => {
    const cwd = folderWith(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, 'x'])));
    const { execFileSync } = await import('node:child_process');
    const { resolve } = await import('node:path');
    const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');
    const names = Array.from({ length: 50 }, (_, i) => `f${i}`).join(' ');
    const out = execFileSync('/bin/sh', ['-c', `"${process.execPath}" "${cli}" check ${names} 2>&1 | head -1`], {
      cwd,
      encoding: 'utf8',
    });
    expect(out).toMatch(/^present +f0 /);
    expect(out).not.toContain('EPIPE');
    const status = (line: string) =>
      execFileSync('bash', ['-c', `set -o pipefail; ${line}; echo $?`], { cwd, encoding: 'utf8' }).trim();
    expect(status(`"${process.execPath}" "${cli}" check gone other | true`)).toBe('10');
    expect(status(`"${process.execPath}" "${cli}" chek x 2>&1 >/dev/null | true`)).toBe('2');
  });
});

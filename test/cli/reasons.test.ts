import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { REASONS, type Reason } from '../../src/core/reason.js';
import { putOnIce } from '../faults/f11-proxied.js';
import { folderWith, type Ran, stepaside } from '../rig/cli.js';
import { type FaultProxy, startFaultProxy } from '../rig/fault-proxy.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';

/** Each reason as a person meets it: a real workflow, the real command, and the words that `why` finds for it. */
interface Scenario {
  readonly steps: string;
  readonly params?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly before?: (say: Say, cwd: string) => Promise<unknown> | unknown;
  /** Default: `why x`. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
type Say = (...words: string[]) => Promise<Ran>;

const OUT = 'outputs: [{ path: out.txt, atomic: true }]';
const TREE = (more: string) => `outputs: [{ path: out/, ${more} }]`;
const x = (...fields: string[]) => `  - name: x\n${fields.map((field) => `    ${field}\n`).join('')}`;
const run = (say: Say) => say('run');
const write =
  (name: string, text = 'other') =>
  (_: Say, cwd: string) => {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  };
const then =
  (...acts: readonly NonNullable<Scenario['before']>[]): NonNullable<Scenario['before']> =>
  async (say, cwd) => {
    for (const act of acts) await act(say, cwd);
  };

const MAKE = 'run: echo made > out.txt';
const BUCKET = `reasons-${randomBytes(4).toString('hex')}`;
const ICE: Record<string, string> = {};
const MAKE_TREE = 'run: mkdir -p out && echo made > out/part';

const scenarios: Readonly<Record<Reason, Scenario>> = {
  'condition-false': { steps: x(MAKE, 'when: { pathNotExists: [there] }'), files: { there: '' } },
  'condition-true': { steps: x(MAKE, 'when: { pathNotExists: [there] }') },
  exists: { steps: x(MAKE, 'policy: exists', OUT), files: { 'out.txt': '' } },
  'foreign-marker': {
    steps: x(MAKE_TREE, 'policy: spark', TREE('marker: _SUCCESS')),
    files: { 'out/part': 'x' },
    before: write('out/_SUCCESS', ''),
  },
  'key-matches': { steps: x(MAKE_TREE, 'policy: key', TREE('match: stepaside')), before: run },
  'parts-match': { steps: x(MAKE, OUT), before: run },
  'digest-matches': { steps: x(MAKE, 'policy: digest', OUT), before: run },
  'not-needed': {
    steps: `${x(MAKE, OUT)}  - { name: y, needs: [x], run: "cp out.txt y.txt", outputs: [{ path: y.txt, atomic: true }] }\n`,
    before: then(run, (_, cwd) => rmSync(join(cwd, 'out.txt'))),
    words: ['plan'],
  },
  'kept-artifact': {
    steps: x(MAKE, 'outputs: [{ path: out.txt, keep: artifact }]'),
    before: then(run, (_, cwd) => rmSync(join(cwd, 'out.txt'))),
  },
  'run-memo': {
    steps: x('memo: []', 'forEach: { i: [1, 2] }', "run: 'true'"),
    words: ['run', '--jobs', '1'],
  },
  pending: {
    steps: `  - { name: a, run: "echo a > a.txt", outputs: [{ path: a.txt, atomic: true }] }\n${x('needs: [a]', MAKE, OUT)}`,
  },
  held: { steps: x("run: 'touch begun; sleep 4; echo made > out.txt'", OUT), before: begin },
  busy: {
    steps: x("run: 'touch begun; sleep 4; echo made > out.txt'", OUT),
    before: begin,
    words: ['run', '--wait', '0'],
  },
  'failed-elsewhere': {
    steps: x("run: 'touch begun; sleep 2; exit 1'", 'memoize: { attempts: 1 }', OUT),
    before: begin,
    words: ['run'],
  },
  forced: { steps: x(MAKE, OUT), before: run, words: ['why', 'x', '--force'] },
  'nothing-to-prove': { steps: x(MAKE) },
  'rerun-policy': { steps: x(MAKE, 'policy: rerun', OUT), before: run },
  'cache-off': { steps: x(MAKE, OUT), before: run, words: ['why', 'x', '--no-cache'] },
  'not-cached': {
    params: 'params: { token: { secret: true, default: s3cret } }\n',
    steps: x('run: [cp, in.txt, "{{params.token}}"]', OUT),
  },
  'output-missing': { steps: x(MAKE, OUT), before: then(run, (_, cwd) => rmSync(join(cwd, 'out.txt'))) },
  partial: { steps: x("run: 'echo half > out.txt; exit 1'", OUT), before: run },
  outdated: {
    steps: x(MAKE_TREE, 'policy: spark', TREE('marker: _SUCCESS')),
    files: { 'out/_SUCCESS': '' },
    before: then(write('out/part'), (_, cwd) => utimesSync(join(cwd, 'out/_SUCCESS'), 1_700_000_000, 1_700_000_000)),
  },
  unverified: { steps: x(MAKE_TREE, 'policy: exists', 'outputs: [{ path: out/ }]'), files: { 'out/part': 'x' } },
  'marker-gone': {
    steps: x(MAKE_TREE, TREE('match: stepaside')),
    before: then(run, (_, cwd) => rmSync(join(cwd, 'out/_stepaside.json'))),
  },
  'marker-other': {
    steps: x(MAKE_TREE, 'policy: key', TREE('match: key, marker: KEY')),
    before: then(run, write('out/KEY', 'another')),
  },
  'parts-changed': { steps: x(MAKE, OUT), before: then(run, write('out.txt', 'longer than before')) },
  'no-record': { steps: x(MAKE, OUT), files: { 'out.txt': 'from before' } },
  'other-key': {
    params: 'params: { date: "2024-01-01" }\n',
    steps: x('run: \'echo "$D" > out.txt\'', 'env: { D: "{{params.date}}" }', OUT),
    before: run,
    words: ['why', 'x', '--param', 'date=2024-01-02'],
  },
  invalidated: { steps: x(MAKE, OUT), before: then(run, (say) => say('invalidate', '--step', 'x')) },
  'too-old': { steps: x(MAKE, 'memoize: { maxAge: 1s }', OUT), before: then(run, () => pause(1100)) },
  'condition-unknown': {
    steps: x(MAKE, 'when: { pathExists: ["s3://nobody-home-x/a"] }', OUT),
    env: {
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_REGION: 'us-east-1',
    },
  },
  'input-missing': { steps: x(MAKE, 'inputs: { files: [nowhere.py] }', OUT) },
  'input-unknown': {
    steps: x(MAKE, 'inputs: { paths: ["s3://nobody-home-x/a"] }', OUT),
    env: {
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_REGION: 'us-east-1',
    },
  },
  'cache-unknown': {
    steps: x(MAKE, OUT),
    words: ['why', 'x', '--cache', 's3://nobody-home-x/cache'],
    env: {
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_REGION: 'us-east-1',
    },
  },
  'place-unknown': {
    steps: x(MAKE, 'outputs: [{ path: "s3://nobody-home-x/a" }]'),
    env: {
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_REGION: 'us-east-1',
    },
  },
  archived: { steps: x(MAKE, 'policy: exists', `outputs: [{ path: "s3://${BUCKET}/cold" }]`), env: ICE },
  // A backup of the cache that is older than one place's log and younger than the other's.
  'mixed-runs': {
    steps: x(
      "run: 'echo a > a.txt; echo b > b.txt'",
      'outputs: [{ path: a.txt, atomic: true }, { path: b.txt, atomic: true }]',
    ),
    before: then(
      run,
      (say) => say('run', '--force'),
      (_, cwd) => {
        const places = join(cwd, '.stepaside/v1/places');
        const [log] = readdirSync(places, { recursive: true, encoding: 'utf8' }).filter((name) =>
          name.endsWith('/00000001'),
        );
        for (const slot of readdirSync(join(places, log!, '..')))
          if (Number(slot) > 3) rmSync(join(places, log!, '..', slot));
      },
    ),
  },
  'new-output': {
    steps: x("run: 'echo a > out.txt; echo b > more.txt'", 'memoize: { key: mine }', OUT),
    before: then(run, (_, cwd) => {
      const file = join(cwd, 'stepaside.yaml');
      writeFileSync(
        file,
        readFileSync(file, 'utf8').replace(
          'outputs: [{ path: out.txt',
          'outputs: [{ name: more, path: more.txt, atomic: true }, { name: output, path: out.txt',
        ),
      );
    }),
  },
};

const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');

let ice: FaultProxy;
beforeAll(async () => {
  const s3 = inject('s3');
  await sdkMakeBucket(s3, BUCKET);
  await new Witness(s3, BUCKET).put('cold', new Uint8Array(1));
  ice = await startFaultProxy(s3.endpoint, { rewrite: putOnIce });
  Object.assign(ICE, {
    AWS_ENDPOINT_URL_S3: ice.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_REGION: s3.region,
  });
  return () => ice.stop();
});

/** Another process at the same work. */
async function begin(_: Say, cwd: string): Promise<void> {
  const child = spawn(process.execPath, [cli, 'run'], { cwd, stdio: 'ignore' });
  child.unref();
  for (let i = 0; i < 200 && !existsSync(join(cwd, 'begun')); i++) await pause(25);
}

const golden = join(import.meta.dirname, '../golden/why.txt');
const told = new Map<string, string>();

function plain(text: string): string {
  return (
    text
      .replace(/blake3-[0-9a-f…]+/g, 'KEY')
      // Whichever log's refusal comes first is told.
      .replace(/v1\/(keys|places)\/[0-9a-f]{2}\/KEY/g, 'v1/LOG')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/\d+(\.\d+)? (ms|s)\b/g, 'TOOK')
      .replace(/process \d+ on \S+/g, 'process PID on HOST')
      .replaceAll(BUCKET, 'BUCKET')
      .replace(/record is \ds old/g, 'record is 1s old')
      .trimEnd()
  );
}

describe('every reason is met on the command line, in words', () => {
  it.each(Object.entries(scenarios))(
    '%s',
    async (reason, { steps, params = '', files = {}, before, words = ['why', 'x'], env = {} }) => {
      const cwd = folderWith({
        ...files,
        'stepaside.yaml': `apiVersion: stepaside/v1\nkind: Workflow\nname: w\n${params}steps:\n${steps}`,
      });
      const say: Say = (...more) => stepaside(more, { cwd, env });
      await before?.(say, cwd);
      const { stdout, stderr } = await say(...words);
      const text = words[0] === 'why' ? stdout : words[0] === 'plan' ? stdout : stderr;
      expect(text).toContain(reason);
      told.set(reason, plain(text));
    },
    60_000,
  );

  it('leaves none out', () => {
    expect(Object.keys(REASONS).filter((reason) => !(reason in scenarios))).toEqual([]);
  });

  it('says what it said before', () => {
    const text = [...told]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([reason, words]) => `== ${reason}\n${words}\n`)
      .join('\n');
    if (process.env['UPDATE_GOLDEN']) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });
});

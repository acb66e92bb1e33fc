import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith } from '../rig/cli.js';

const script = resolve(import.meta.dirname, 'run.mjs');

interface Contestant {
  readonly name: string;
  readonly shown: boolean;
  readonly why?: string;
  readonly version?: string;
  readonly samplesMs?: readonly number[];
  readonly medianMs?: number;
  readonly ourRatio: number | null;
}

interface Result {
  readonly steps: number;
  readonly scale: number;
  readonly samples: Readonly<Record<'P1' | 'P3', number>>;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly environment: {
    readonly given: Readonly<Record<string, string>>;
    readonly unset: readonly string[];
  };
  readonly operations: readonly {
    readonly id: string;
    readonly contestants: readonly Contestant[];
    readonly goals: readonly {
      readonly against: string;
      readonly limit: number;
      readonly ratio: number | null;
      readonly met: boolean;
    }[];
  }[];
  readonly met: number;
  readonly unmet: number;
}

/** Twenty steps and one sample, without turbo and wireit, wherever they are installed, and perhaps without make. */
async function bench(folder: string, words: readonly string[], path = process.env['PATH'] ?? '') {
  mkdirSync(join(folder, 'cache'));
  const env = {
    PATH: path,
    HOME: folder,
    TMPDIR: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    NODE_EXTRA_CA_CERTS: '/nonexistent',
  };
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((done, fail) => {
    const child = spawn(process.execPath, [script, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    child.on('error', fail);
    child.on('close', (code) =>
      done({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** A PATH with these and nothing else. */
function onlyOnPath(folder: string, names: readonly string[]): string {
  const bin = join(folder, 'path');
  mkdirSync(bin);
  for (const name of names) {
    const found = (process.env['PATH'] ?? '')
      .split(':')
      .map((at) => join(at, name))
      .find((file) => {
        try {
          return readFileSync(file).length > 0;
        } catch {
          return false;
        }
      });
    symlinkSync(name === 'node' ? process.execPath : found!, join(bin, name));
  }
  return bin;
}

const SMALL = ['--steps', '20', '--samples', '1', '--scale', '0.001'];

// All of it small takes most of a minute: what was just made is left to ripen each time.
describe('the benchmark', { timeout: 900_000 }, () => {
  it('gives every sample, the versions and the machine, and counts a missing peer as unmet', async () => {
    const folder = folderWith();
    const out = join(folder, 'out.json');
    const ran = await bench(folder, [...SMALL, '--json', '--out', out], onlyOnPath(folder, ['node', 'sh', 'cp']));
    expect(ran.code, ran.stderr).toBe(0);
    const result = JSON.parse(ran.stdout) as Result;
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(result);
    expect(result).toMatchObject({ bench: 1, steps: 20, samples: { P1: 1, P3: 3 } });
    for (const fact of ['cpu', 'kernel', 'node', 'fs']) expect(result.machine, fact).toHaveProperty(fact);
    expect(result.machine['fs']).toHaveProperty('type', expect.any(String));
    for (const name of ['NODE_EXTRA_CA_CERTS', 'AWS_CA_BUNDLE']) {
      expect(result.environment.unset).toContain(name);
      expect(result.environment.given).not.toHaveProperty(name);
    }

    const of = (id: string) => result.operations.find((one) => one.id === id)!;
    const [p1, p2, p3, p4, p5, p6, p19] = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P19'].map(of);
    expect(result.operations.map(({ id }) => id)).toEqual(
      [
        'P1',
        'P2',
        'P3',
        'P4',
        'P5',
        'P6',
        'P7',
        'P8',
        'P9 content',
        'P9 stat',
        'P10',
        'P11',
        'P12 content',
        'P12 stat',
      ].concat(['P13', 'P13 tmpfs', 'P14', 'P15', 'P16', 'P17', 'P18 fixed', 'P18 content-defined', 'P19']),
    );
    expect(p2!.contestants.map(({ name }) => name)).toEqual(['stepaside --rehash', 'turbo']);
    const [own, ...peers] = p1!.contestants;
    expect(own).toMatchObject({ name: 'stepaside', shown: true, version: expect.any(String), ourRatio: null });
    expect(own!.samplesMs).toHaveLength(1);
    expect(own!.medianMs).toBe(own!.samplesMs![0]);
    expect(peers.map(({ name }) => name)).toEqual(
      ['make', 'make -rR', 'turbo', 'turbo (npm bin)', 'wireit'].concat(['ninja', 'nx', 'snakemake', 'Luigi', 'DVC']),
    );
    for (const peer of peers)
      expect(peer).toEqual({ name: peer.name, shown: false, why: expect.any(String), ourRatio: null });
    for (const goal of [...p1!.goals, ...p2!.goals]) expect(goal).toMatchObject({ ratio: null, met: false });
    expect(p3!.contestants.map(({ samplesMs }) => samplesMs?.length)).toEqual([3, 3]);
    expect(p3!.goals).toEqual([
      { against: 'node -e 0', limit: 1.3, ratio: expect.any(Number), met: expect.any(Boolean) },
    ]);
    for (const one of [p4!, p5!, p6!, p19!]) {
      for (const contestant of one.contestants) expect(contestant).toMatchObject({ shown: false, ourRatio: null });
      for (const goal of one.goals) expect(goal).toMatchObject({ ratio: null, met: false });
    }
    expect(p5!.goals.at(-1)).toMatchObject({ against: 'requests', limit: 3 });

    // On a disk ours is measured; of the peers there is only cp, and nobody says how much memory anybody took.
    for (const id of ['P7', 'P8', 'P9 content', 'P9 stat', 'P10', 'P11', 'P12 content', 'P12 stat', 'P13'].map(of)) {
      const [first, ...others] = id.contestants;
      expect(first, id.id).toMatchObject({ name: expect.stringMatching(/^stepaside/), shown: true });
      expect(first!.samplesMs, id.id).toHaveLength(1);
      for (const other of others)
        expect(other, id.id).toMatchObject({ shown: ['cp', 'cp -r', 'stepaside'].includes(other.name) });
      for (const goal of id.goals)
        if (!goal.against.startsWith('cp')) expect(goal, id.id).toMatchObject({ met: false });
    }
    expect(of('P8').goals.find(({ against }) => against === 'cp')!.ratio).toBeGreaterThan(0);
    expect(of('P8').goals.at(-1)).toEqual({
      against: 'MiB at most',
      counted: true,
      limit: 128,
      ratio: null,
      met: false,
    });
    for (const id of ['P14', 'P15', 'P16', 'P17'].map(of)) {
      for (const contestant of id.contestants)
        expect(contestant, id.id).toMatchObject({ shown: false, ourRatio: null });
      for (const goal of id.goals) expect(goal, id.id).toMatchObject({ ratio: null, met: false });
    }
    expect(of('P14').goals.map(({ against }) => against)).toEqual(['s5cmd', 'the best aws-cli', 'curl', 'SDK']);
    expect(of('P18 fixed').goals[0]!.ratio).toBeGreaterThan(0);
    expect(of('P18 content-defined').goals[0]).toMatchObject({ ratio: null, met: false });
    expect(result.met + result.unmet).toBe(39);
  });

  it('prints NOT SHOWN and UNMET for a missing peer', async () => {
    const folder = folderWith();
    const ran = await bench(folder, [...SMALL, '--only', 'P1,P9'], onlyOnPath(folder, ['node', 'sh', 'cp']));
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^P9 content +borg .*NOT SHOWN.*<= 0\.25x +UNMET$/m);
    expect(ran.stdout).not.toMatch(/^P(3|8|10|18)/m);
    expect(ran.stdout).toMatch(/^P1 +make .*NOT SHOWN.*<= 0\.35x +UNMET$/m);
    expect(ran.stdout).toMatch(/^NOT SHOWN {2}make: make is not on PATH/m);
  });

  it('judges nothing smaller than what the goals are about', async () => {
    const ran = await bench(folderWith(), [...SMALL, '--check']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('--check');
  });

  it.each([
    [['--only', 'P20']],
    [['--only', 'P9-P7']],
    [['--only', 'all']],
    [['--only', 'P7', '--write']],
    [['--scale', '2']],
  ])('refuses %j', async (words) => {
    const ran = await bench(folderWith(), words);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(words[0]);
    expect(ran.stdout).toBe('');
  });

  it('does not show who cannot do the work once, and measures the others', async () => {
    const folder = folderWith();
    const path = onlyOnPath(folder, ['node', 'sh', 'cp']);
    // Both say that all went well, and keep nothing.
    for (const name of ['borg', 'rsync']) {
      writeFileSync(join(path, name), '#!/bin/sh\nexit 0\n');
      chmodSync(join(path, name), 0o755);
    }
    const ran = await bench(folder, [...SMALL, '--only', 'P8', '--json'], path);
    expect(ran.code, ran.stderr).toBe(0);
    const [p8] = (JSON.parse(ran.stdout) as Result).operations;
    for (const name of ['borg', 'rsync'])
      expect(p8!.contestants.find((one) => one.name === name)).toMatchObject({
        shown: false,
        why: expect.stringContaining(`not done: ${name}`),
      });
    expect(p8!.goals.find(({ against }) => against === 'borg')).toMatchObject({ ratio: null, met: false });
    expect(p8!.contestants.filter(({ shown }) => shown).map(({ name }) => name)).toEqual(['stepaside', 'cp']);
  });

  it('fails when a contestant did not step aside', async () => {
    const folder = folderWith();
    const path = onlyOnPath(folder, ['node', 'sh', 'cp']);
    // A make that makes all again, each time.
    writeFileSync(
      join(path, 'make'),
      '#!/bin/sh\n[ "$1" = --version ] && echo GNU Make 0 && exit\nfor i in in/*; do cp $i out/; done\n',
    );
    chmodSync(join(path, 'make'), 0o755);
    const ran = await bench(folder, [...SMALL, '--only', 'P1'], path);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('no no-op: make');
    expect(ran.stdout).toBe('');
  });
});

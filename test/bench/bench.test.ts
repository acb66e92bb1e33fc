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

const SMALL = ['--steps', '20', '--samples', '1'];

describe('the benchmark', () => {
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

    const [p1, p2, p3, p4, p5, p6, p19] = result.operations;
    expect(result.operations.map(({ id }) => id)).toEqual(['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P19']);
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
    expect(result.unmet).toBeGreaterThanOrEqual(15);
    expect(result.met + result.unmet).toBe(16);
  });

  it('prints NOT SHOWN and UNMET for a missing peer', async () => {
    const folder = folderWith();
    const ran = await bench(folder, SMALL, onlyOnPath(folder, ['node', 'sh', 'cp']));
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^P1 +make .*NOT SHOWN.*<= 0\.35x +UNMET$/m);
    expect(ran.stdout).toMatch(/^NOT SHOWN {2}make: make is not on PATH/m);
  });

  it('judges nothing smaller than what the goals are about', async () => {
    const ran = await bench(folderWith(), [...SMALL, '--check']);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('--check');
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
    const ran = await bench(folder, SMALL, path);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('no no-op: make');
    expect(ran.stdout).toBe('');
  });
});

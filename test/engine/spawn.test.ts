import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { maskedLines } from '../../src/engine/mask.js';
import { run, type Spawned } from '../../src/engine/spawn.js';
import { folderWith, startStepaside } from '../rig/cli.js';

function sink() {
  const pieces: Buffer[] = [];
  const output = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
  });
  return { output, text: () => Buffer.concat(pieces).toString() };
}

const sh = (line: string, more: Partial<Spawned> = {}) =>
  run({ argv: ['/bin/sh', '-c', line], folder: '/', env: process.env, output: sink().output, ...more });

/** A process that runs; a zombie nobody has reaped yet has ended. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function written(file: string): Promise<string> {
  for (;;) {
    if (existsSync(file) && readFileSync(file, 'utf8').endsWith('\n')) return readFileSync(file, 'utf8').trim();
    await wait(10);
  }
}

async function dead(pid: number): Promise<boolean> {
  for (let i = 0; i < 1000 && lives(pid); i++) await wait(10);
  return !lives(pid);
}

describe('a started program', () => {
  it.each<[string, number]>([
    ['true', 0],
    ['exit 7', 7],
    ['exit 255', 255],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['kill -INT $$', 130],
  ])('%s ends with %i', async (line, exitCode) => {
    expect(await sh(line)).toEqual({ exitCode });
  });

  it('both streams reach the log, and nothing is read from us', async () => {
    const { output, text } = sink();
    expect(await sh('cat; echo out; echo err >&2', { output })).toEqual({ exitCode: 0 });
    expect(text().split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  it('its words, folder and environment are as given, and no shell sees them', async () => {
    const { output, text } = sink();
    const folder = folderWith();
    const script = 'console.log(JSON.stringify([process.argv.slice(1), process.cwd(), process.env.X]))';
    const words = ['$HOME', "it's", 'a b', '*', ''];
    await run({ argv: [process.execPath, '-e', script, ...words], folder, env: { X: 'ü' }, output });
    expect(JSON.parse(text())).toEqual([words, folder, 'ü']);
  });

  it('that cannot be started: 127 if there is none, 126 if it may not or can not', async () => {
    const folder = folderWith({ 'plain.txt': 'text' });
    const at = (argv: string[], more: Partial<Spawned> = {}) =>
      run({ argv, folder, env: process.env, output: sink().output, ...more });
    expect(await at(['no-such-program-here'])).toEqual({ exitCode: 127, why: 'not-found' });
    expect(await at(['true'], { folder: join(folder, 'gone') })).toEqual({ exitCode: 127, why: 'not-found' });
    expect(await at(['./plain.txt'])).toEqual({ exitCode: 126, why: 'not-executable' });
    expect(await at(['/'])).toEqual({ exitCode: 126, why: 'not-executable' });
    // What the system refuses at once: too long a word, a folder that is a file, a byte no word can hold.
    expect(await at(['echo', 'x'.repeat(3_000_000)])).toEqual({ exitCode: 126, why: 'not-executable' });
    expect(await at(['echo'], { folder: join(folder, 'plain.txt') })).toMatchObject({ why: expect.any(String) });
    expect(await at(['echo', 'a\0b'])).toEqual({ exitCode: 126, why: 'not-executable' });
  });
});

it('a program runs although nobody can be started who would end it if we were killed', async () => {
  // Longer than any word that the system gives to a program: the guardian inherits it, the program does not.
  process.env['TOO_LONG'] = 'x'.repeat(3_000_000);
  try {
    const { PATH } = process.env;
    expect(await sh('exit 3', { env: { PATH, STEPASIDE_RUN: 'a-run' } })).toEqual({ exitCode: 3 });
  } finally {
    delete process.env['TOO_LONG'];
  }
});

describe('ending it', () => {
  /** A child and a grandchild; the file tells the grandchild's number. */
  const family = (file: string, then = 'wait') => `sh -c 'echo $$ > ${file}; exec sleep 60' & ${then}`;

  it('a timeout ends the group, grandchildren too, soon', async () => {
    const file = join(folderWith(), 'pid');
    const begun = performance.now();
    expect(await sh(family(file), { timeoutMs: 300 })).toEqual({ exitCode: 143, why: 'timeout' });
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(await dead(Number(await written(file)))).toBe(true);
  });

  it('a grandchild that lets go of our pipes does not outlive an ended step either', async () => {
    const file = join(folderWith(), 'pid');
    const line = `(trap '' TERM; sh -c 'echo $$ > ${file}; exec sleep 60' >/dev/null 2>&1) & trap 'exit 0' TERM; wait`;
    expect(await sh(line, { timeoutMs: 300 })).toEqual({ exitCode: 0, why: 'timeout' });
    expect(await dead(Number(await written(file)))).toBe(true);
  });

  it('the signal sends SIGTERM to the group once, and lets it end in its own time', async () => {
    const folder = folderWith();
    const [file, ready] = [join(folder, 'pid'), join(folder, 'ready')];
    const { output, text } = sink();
    const gentle = new AbortController();
    const line = `trap 'echo told; sleep 0.3; exit 5' TERM; ${family(file, `echo > ${ready}; while :; do wait; done`)}`;
    const ended = sh(line, { signal: gentle.signal, output });
    await written(ready);
    const grandchild = Number(await written(file));
    gentle.abort();
    expect(await ended).toEqual({ exitCode: 5, why: 'interrupted' });
    expect(text()).toBe('told\n');
    expect(await dead(grandchild)).toBe(true);
  });

  it('the second one kills what would not listen, at once', async () => {
    const folder = folderWith();
    const [file, ready] = [join(folder, 'pid'), join(folder, 'ready')];
    const [gentle, hard] = [new AbortController(), new AbortController()];
    const line = `trap '' TERM; ${family(file, `echo > ${ready}; while :; do wait; done`)}`;
    const ended = sh(line, { signal: gentle.signal, kill: hard.signal });
    await written(ready);
    gentle.abort();
    await wait(200);
    expect(lives(Number(await written(file)))).toBe(true);
    const begun = performance.now();
    hard.abort();
    expect(await ended).toEqual({ exitCode: 137, why: 'interrupted' });
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(await dead(Number(await written(file)))).toBe(true);
  });

  it('a signal that came before ends it at once, and one that comes after is nothing', async () => {
    expect(await sh('sleep 60', { signal: AbortSignal.abort() })).toEqual({ exitCode: 143, why: 'interrupted' });
    expect(
      await sh("trap '' TERM; sleep 60", { signal: AbortSignal.abort(), kill: AbortSignal.abort() }),
    ).toMatchObject({ why: 'interrupted' });
    const gentle = new AbortController();
    expect(await sh('true', { signal: gentle.signal, timeoutMs: 60_000 })).toEqual({ exitCode: 0 });
    gentle.abort();
  });
});

describe('an interrupted command', () => {
  const LONG = `name: w
steps:
  - name: long
    run: trap 'echo told > told; exit 0' TERM; echo > begun; sleep 60 & wait
    retries: 3
    outputs: [{ path: out, atomic: true }]
  - name: after
    needs: [long]
    run: echo > after
`;

  it('once: the step is told, nothing more begins, the lease is let go, exit 1', async () => {
    const cwd = folderWith({ 'stepaside.yaml': LONG });
    const { child, ended } = startStepaside(['run'], { cwd });
    await written(join(cwd, 'begun'));
    child.kill('SIGINT');
    const ran = await ended;
    expect(ran.code, ran.stderr).toBe(1);
    expect(ran.stderr).toMatch(/interrupted/);
    expect(existsSync(join(cwd, 'told'))).toBe(true);
    expect(existsSync(join(cwd, 'after'))).toBe(false);
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(join(cwd, '.stepaside/v1/beats'))).toEqual([]);
  });

  it('killed itself, it leaves no step behind: the next run would start a second one beside it', async () => {
    const cwd = folderWith({
      'stepaside.yaml':
        'name: w\nsteps:\n  - { name: done, run: "true" }\n  - name: s\n    needs: [done]\n    run: sleep 300 & echo $! > inner; echo $$ > outer; wait\n',
    });
    const { child, ended } = startStepaside(['run'], { cwd });
    const pids = [Number(await written(join(cwd, 'inner'))), Number(await written(join(cwd, 'outer')))];
    expect(pids.every(lives)).toBe(true);
    child.kill('SIGKILL');
    await ended;
    for (const pid of pids) expect(await dead(pid)).toBe(true);
  });

  it('twice: what would not listen is killed', async () => {
    const cwd = folderWith({ 'stepaside.yaml': LONG.replace(/trap '.*' TERM/, "trap '' TERM") });
    const { child, ended } = startStepaside(['run'], { cwd });
    await written(join(cwd, 'begun'));
    child.kill('SIGINT');
    await wait(300);
    const begun = performance.now();
    child.kill('SIGINT');
    expect((await ended).code).toBe(1);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('between two tries: no further try is begun, and nobody sits the pause out', async () => {
    const cwd = folderWith({
      'stepaside.yaml':
        'name: w\nsteps:\n  - name: s\n    run: echo try >> tries; [ "$(wc -l < tries)" -lt 5 ] && exit 1; true\n    retries: 9\n',
    });
    const { child, ended } = startStepaside(['run'], { cwd });
    const tries = () => (existsSync(join(cwd, 'tries')) ? readFileSync(join(cwd, 'tries'), 'utf8').length / 4 : 0);
    while (tries() < 3) await wait(20);
    await wait(300);
    const begun = performance.now();
    child.kill('SIGTERM');
    expect((await ended).code).toBe(1);
    // The pause after the third try is 4 s.
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(tries()).toBe(3);
  });
});

describe('masked lines', () => {
  async function masked(secrets: string[], ...pieces: (string | Buffer)[]): Promise<string[]> {
    const lines: string[] = [];
    const stream = maskedLines(secrets, (line) => lines.push(line));
    for (const piece of pieces) stream.write(Buffer.from(piece as string));
    await new Promise<void>((done) => stream.end(done));
    return lines;
  }

  it('hides a secret wherever it stands and however it comes', async () => {
    expect(await masked(['s3cret'], 'a s3cret b\ns3', 'cret', '\nlast s3cret')).toEqual(['a *** b', '***', 'last ***']);
    expect(await masked(['ab', 'abc', ''], 'abc ab\n')).toEqual(['*** ***']);
    expect(await masked(['line one\nline two'], 'x line one\nline two y\n')).toEqual(['x ***', '*** y']);
    const odd = 'pa"ss/w\\ord?';
    const coded = [JSON.stringify(odd), encodeURIComponent(odd), Buffer.from(odd).toString('base64')];
    const hidden = await masked([odd], `${coded.join('\n')}\n`);
    expect(hidden.map((line) => /^"?\*\*\*.{0,4}$/.test(line))).toEqual([true, true, true]);
    const umlaut = Buffer.from('gehüim');
    expect(await masked(['gehüim'], umlaut.subarray(0, 4), umlaut.subarray(4), '\n')).toEqual(['***']);
  });

  it('cuts a line that has no end, and never through a secret', async () => {
    const secret = 'canary-0123456789';
    for (let shift = 0; shift <= secret.length; shift++) {
      const lines = await masked([secret], 'x'.repeat(64 * 1024 - shift), secret, 'y'.repeat(70_000), secret, '\n');
      expect(lines.length).toBeGreaterThan(1);
      expect(lines.join('')).toMatch(/^x+\*{3}y+\*{3}$/);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(150_000);
    }
  });
});

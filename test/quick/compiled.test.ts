import { execFile } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith } from '../rig/cli.js';

const root = resolve(import.meta.dirname, '../..');

/** An installation of our own, and what `check` says in it. */
function installed() {
  const folder = folderWith({ 'there.txt': 'x' });
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const [name = 'none'] = readdirSync(join(folder, 'dist')).filter((one) => one.endsWith('.bin'));
  const file = join(folder, 'dist', name);
  const bytes = readFileSync(file);
  return {
    folder,
    name,
    bytes,
    sourceAt: bytes.indexOf('(function'),
    sourceEnd: bytes.indexOf('(function') + bytes.readUInt32LE(bytes.indexOf('(function') - 4),
    change: (made: Uint8Array) => writeFileSync(file, made),
    spoilSource: () => writeFileSync(join(folder, 'dist/check.cjs'), 'process.exitCode = 99;'),
    check: (...nodeArgs: string[]) =>
      new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
        const words = [...nodeArgs, join(folder, 'dist/stepaside.cjs'), 'check', 'there.txt', 'gone.txt'];
        execFile(process.execPath, words, { cwd: folder }, (error, stdout, stderr) =>
          done({ code: error ? Number(error.code) : 0, stdout, stderr }),
        );
      }),
  };
}

const RIGHT = { code: 10, stdout: expect.stringMatching(/^present +there\.txt.*\nabsent +gone\.txt/), stderr: '' };

describe('what V8 made of `check` when it was built', () => {
  it('is for the Node that built it, and is what runs', async () => {
    const own = installed();
    expect(own.name).toBe(`check.${process.version}-${process.arch}.bin`);
    expect(await own.check()).toMatchObject(RIGHT);
    own.spoilSource();
    expect(await own.check()).toMatchObject(RIGHT);
  });

  it('is left aside where it is of another build, is no such file, or is gone', async () => {
    const own = installed();
    own.spoilSource();
    for (const other of [Buffer.from('0'.repeat(16)), Buffer.alloc(0), Buffer.from('x')]) {
      own.change(Buffer.concat([other, own.bytes.subarray(other.length === 16 ? 16 : own.bytes.length)]));
      expect((await own.check()).code).toBe(99);
    }
  });

  it('says the same where V8 does not accept it: cut short, of no sense, or under other flags', async () => {
    const own = installed();
    own.spoilSource();
    const { bytes, sourceEnd } = own;
    for (const end of [sourceEnd, sourceEnd + 10, bytes.length - 1]) {
      own.change(bytes.subarray(0, end));
      expect(await own.check()).toMatchObject(RIGHT);
    }
    own.change(Buffer.concat([bytes.subarray(0, sourceEnd), Buffer.alloc(bytes.length - sourceEnd, 7)]));
    expect(await own.check()).toMatchObject(RIGHT);
    own.change(bytes);
    expect(await own.check('--no-opt', '--stack-size=2000')).toMatchObject(RIGHT);
  });
});

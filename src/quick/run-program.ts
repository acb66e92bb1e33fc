import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import Module from 'node:module';
import { basename, dirname, join } from 'node:path';
import vm from 'node:vm';

/**
 * Runs a CommonJS program of one file. To compile it takes longer than most of what it then does, so what V8 made of it is
 * kept beside it, as Python does: V8 refuses the code of another version and does not notice damage, therefore a digest.
 */
export function runProgram(file: string): void {
  const source = readFileSync(file, 'utf8');
  const kept = join(
    dirname(file),
    'code',
    `${basename(file, '.cjs')}-${__BUILD__}-${process.versions.v8}-${process.arch}${ownFlags()}`,
  );
  const cachedData = keptCode(kept);
  const script = new vm.Script(Module.wrap(source), {
    filename: file,
    ...(cachedData && { cachedData }),
  });
  if (!cachedData) {
    const tag = tagNow();
    // What the first run never came to is not in it, and compiled when it is needed.
    process.once('exit', () => {
      if (tagNow() === tag) keep(kept, () => script.createCachedData());
    });
  }
  const module = { exports: {} };
  const run = script.runInThisContext() as (...words: unknown[]) => void;
  run.call(module.exports, module.exports, Module.createRequire(file), module, file, dirname(file));
}

/** V8 refuses code that was kept under other flags. */
function ownFlags(): string {
  return process.execArgv.length > 0 || process.env['NODE_OPTIONS'] ? `-${tagNow()}` : '';
}

function tagNow(): number {
  return (require('node:v8') as typeof import('node:v8')).cachedDataVersionTag();
}

const DIGEST_BYTES = 32;
/** For many versions of Node and many flags. */
const MOST_KEPT = 24;

function keptCode(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    const code = bytes.subarray(DIGEST_BYTES);
    return digestOf(code).equals(bytes.subarray(0, DIGEST_BYTES)) ? code : undefined;
  } catch {
    return undefined;
  }
}

function keep(path: string, codeNow: () => Buffer): void {
  const own = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (readdirSync(dirname(path)).length >= MOST_KEPT) return;
    // First of all: where nobody may write, nothing is made of the code either.
    const fd = openSync(own, 'wx');
    try {
      const code = codeNow();
      writeSync(fd, Buffer.concat([digestOf(code), code]));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(own, path);
  } catch {
    try {
      unlinkSync(own);
    } catch {}
  }
}

function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

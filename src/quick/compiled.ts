import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

/** What a program of this folder finds around it, as a CommonJS module does. */
export interface Around {
  readonly folder: string;
  readonly require: NodeJS.Require;
  readonly importing: (name: string) => Promise<unknown>;
}

/**
 * Runs a program of this folder together with what V8 made of it when it was built: half of a start is compiling. Both
 * lie in one file, so that the one is never taken for the other's; of another build, or another Node, there is none.
 * False: nothing has run, the program is to be loaded as usual.
 */
export function runCompiled(name: string, { folder, require, importing }: Around): boolean {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, `${name}.${process.version}-${process.arch}.bin`));
  } catch {
    return false;
  }
  const begin = __BUILD__.length + 4;
  if (bytes.length < begin || bytes.toString('latin1', 0, __BUILD__.length) !== __BUILD__) return false;
  const end = begin + bytes.readUInt32LE(__BUILD__.length);
  const filename = join(folder, `${name}.cjs`);
  // What V8 does not accept it leaves aside, and compiles the source.
  const script = new Script(bytes.toString('latin1', begin, end), { filename, cachedData: bytes.subarray(end) });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, filename, folder, importing);
  return true;
}

// node compile.mjs PROGRAM.cjs BUILD OUT WORDS...: runs a program once, and keeps its source with what V8 made of it.
// The format is read by src/quick/compiled.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

const [program, build, out, ...words] = process.argv.slice(2);
// A script cannot import by itself: its own words for that warn that they are experimental.
const text = readFileSync(program, 'latin1')
  .replace(/^#!.*/, '')
  .replace(/\bimport\("([^"\\]+)"\)/g, '__importing("$1")');
if (/\bimport\(/.test(text)) throw new Error(`${program} imports what is no plain name`);
if (/[^\0-\x7f]/.test(text)) throw new Error(`${program} is not plain ASCII`);
const source = `(function (exports, require, module, __filename, __dirname, __importing) {${text}\n})`;
process.argv.splice(1, process.argv.length - 1, program, ...words);
const script = new Script(source, { filename: program });
process.on('exit', () => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(source.length);
  writeFileSync(out, Buffer.concat([Buffer.from(build), length, Buffer.from(source), script.createCachedData()]));
});
const module = { exports: {} };
const importing = (name) => import(name);
script.runInThisContext()(module.exports, createRequire(program), module, program, dirname(program), importing);

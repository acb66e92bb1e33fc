#!/usr/bin/env node
import { fstatSync, writeSync } from 'node:fs';
import { durationText } from './core/duration-text.js';
import { answer } from './quick/answer.js';
import type { Said } from './quick/hint.js';

// Most askers ask what is done already. They are answered from here, where nothing is loaded but the file system.
const argv = process.argv.slice(2);
// `performance` would load half a dozen modules for its first answer.
const begun = process.hrtime();
const said = answer({ argv, cwd: process.cwd(), env: process.env, now: Date.now() });
if (!said || !tell(said)) {
  // The same program, built twice: see bundles.mjs.
  const alone = argv[0] === 'check' && !argv.some((word) => /^(-f|--file)/.test(word));
  void import('./quick/run-program.js').then(({ runProgram }) =>
    runProgram(`${__dirname}/${alone ? 'check' : 'cli'}.cjs`),
  );
}

/** The same words as the long way's. False: this terminal wants another form of them. */
function tell({ lines, tree, summary }: Said): boolean {
  if (lines === '' && !summary) return true;
  const { env } = process;
  const isDrawn = summary !== undefined && env['TERM'] !== 'dumb' && isTerminal(2);
  if (isDrawn && (tree === undefined || !/utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '')))
    return false;
  // What colours hang on is asked of the other stream: see terminal.ts.
  const forced = env['FORCE_COLOR'];
  const isColoured = env['NO_COLOR']
    ? false
    : forced !== undefined
      ? forced !== '0'
      : env['TERM'] !== 'dumb' && isTerminal(1);
  let text = isDrawn ? tree! : lines;
  if (summary) {
    const { steps, savedMs } = summary;
    const saved = savedMs > 0 ? `, ${durationText(savedMs)} saved` : '';
    const [seconds, nanoseconds] = process.hrtime(begun);
    const took = durationText(seconds * 1e3 + nanoseconds / 1e6);
    text += `\u001b[1m${steps} step${steps === 1 ? '' : 's'}, ${steps} avoided, 0 ran, 0 failed${saved}\u001b[0m \u001b[2min ${took}\u001b[0m\n`;
  }
  write(isColoured ? text : text.replace(/\u001b\[[0-9;]*m/g, ''));
  return true;
}

/** The module that knows for sure loads all of networking: it is asked only where it may be one. */
function isTerminal(fd: 1 | 2): boolean {
  const stats = fstatSync(fd);
  if (!stats.isCharacterDevice() || stats.rdev === NULL_DEVICE) return false;
  return (require('node:tty') as typeof import('node:tty')).isatty(fd);
}

/** /dev/null on Linux. */
const NULL_DEVICE = 0x103;

function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(2, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A pipe that is full, and not blocking, is asked again; one that nobody reads is no mistake of ours.
      if (code !== 'EAGAIN') return;
    }
  }
}

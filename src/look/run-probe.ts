import type { Sighting } from '../core/sighting.js';
import type { Command } from '../core/step.js';

const PATIENCE_MS = 60_000;
const PRESENT = 0;
const ABSENT = 10;

/** Asks an author's own command: 0 is there, 10 is not, and anything else says nothing. Its words may hold secrets: its name is told. */
export async function runProbe(name: string, command: Command, folder: string): Promise<Sighting> {
  const uri = `probe ${name}`;
  const ended = await end(command, folder);
  if (ended === PRESENT) return { uri, state: 'present', why: 'the probe says that it is there' };
  if (ended === ABSENT) return { uri, state: 'absent', why: 'the probe says that it is not there' };
  const message = typeof ended === 'number' ? `the probe ended with ${ended}, which says nothing` : ended;
  const hint = `a probe ends with ${PRESENT} (there) or ${ABSENT} (not there), within a minute`;
  return { uri, state: 'unknown', why: message, doubt: { code: 'probe/failed', message, hint } };
}

async function end(command: Command, folder: string): Promise<number | string> {
  const [program = '', ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  if (program === '' || [program, ...args].some((word) => word.includes('\0'))) return 'the probe names no program';
  // Few look at probes: the others need not load what starts programs.
  const { spawn } = await import('node:child_process');
  return new Promise<number | string>((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, stdio: 'ignore' });
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve(code ?? `the probe was ended by ${signal}`);
    });
  }).catch((error: NodeJS.ErrnoException) => `the probe cannot be started (${error.code})`); // told, or thrown by `spawn`
}

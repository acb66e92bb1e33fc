import { spawn } from 'node:child_process';
import type { Sighting } from '../core/sighting.js';
import type { Command } from '../core/step.js';

const PATIENCE_MS = 60_000;
const PRESENT = 0;
const ABSENT = 10;

/** Asks an author's own command: 0 is there, 10 is not, and anything else says nothing. */
export async function runProbe(command: Command, folder: string): Promise<Sighting> {
  const uri = `probe: ${typeof command === 'string' ? command : command.join(' ')}`;
  const ended = await end(command, folder);
  if (ended === PRESENT) return { uri, state: 'present', why: 'the probe says that it is there' };
  if (ended === ABSENT) return { uri, state: 'absent', why: 'the probe says that it is not there' };
  const message = typeof ended === 'number' ? `the probe ended with ${ended}, which says nothing` : ended;
  return {
    uri,
    state: 'unknown',
    why: message,
    doubt: { code: 'probe/failed', message, hint: `a probe ends with ${PRESENT} (there) or ${ABSENT} (not there)` },
  };
}

function end(command: Command, folder: string): Promise<number | string> {
  const [program = '', ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: folder, stdio: 'ignore', timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
    child.on('error', (error) => resolve(`the probe cannot be started: ${error.message}`));
    child.on('close', (code, signal) => resolve(code ?? `the probe was ended by ${signal}`));
  });
}

import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Holder } from './core/slot.js';

/** This process, as its slots name it. */
export function thisProcess(): Holder {
  return {
    host: hostname(),
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    pidns: linkOf('/proc/self/ns/pid'),
    pid: process.pid,
    started: startOf(process.pid) ?? '?',
    beat: randomBytes(12).toString('hex'),
  };
}

/** Surely dead: it ran on this boot, in our space of process numbers, and its number is free or another's. */
export function surelyDead(holder: Holder, self: Holder): boolean {
  if (holder.boot === '?' || holder.pidns === '?' || holder.started === '?') return false;
  if (holder.boot !== self.boot || holder.pidns !== self.pidns || holder.host !== self.host) return false;
  const started = startOf(holder.pid);
  return started === 'none' || (started !== undefined && started !== holder.started);
}

/** Field 22 of stat: ticks since boot. A zombie has ended; only its parent has not noticed. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'none' : fields[19];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return (code === 'ENOENT' || code === 'ESRCH') && textOf('/proc/self/stat') !== '?' ? 'none' : undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '?';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '?';
  }
}

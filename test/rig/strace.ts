import { aptInstall, whyNoApt } from './apt.js';
import { findProgram } from './versitygw.js';

/** Its path. Faults at system calls need it; where it is missing the campaigns fail and say what to install. */
export async function strace(): Promise<string> {
  const found = findProgram('strace');
  if (found !== undefined) return found;
  const no = whyNoApt();
  if (no === undefined) await aptInstall(['strace']);
  const installed = findProgram('strace');
  if (installed !== undefined) return installed;
  throw new Error(
    `strace is not on PATH, and is not installed${no === undefined ? '' : `: ${no}`}\napt-get install strace (5.5 or newer) will do`,
  );
}

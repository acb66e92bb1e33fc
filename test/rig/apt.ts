import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { scrubbedEnv } from './household.js';
import { NotHere } from './s3-server.js';
import { findProgram } from './versitygw.js';

/** Undefined: this machine is ours to install on. */
export function whyNoApt(): string | undefined {
  if ((process.env['STEPASIDE_NO_INSTALL'] ?? '') !== '') return 'STEPASIDE_NO_INSTALL is set';
  if (process.platform !== 'linux') return `${process.platform} is not Linux`;
  if (process.getuid?.() !== 0) return 'not root';
  if (findProgram('apt-get') === undefined) return 'there is no apt-get';
  return undefined;
}

export async function aptInstall(packages: readonly string[]): Promise<void> {
  // One dead mirror among several fails the update although the lists that matter are there: the install decides.
  await apt('update', '-q').catch((error: unknown) => console.error(`rig: ${(error as Error).message}`));
  await apt('install', '-q', '-y', '--no-install-recommends', ...packages);
}

async function apt(...args: string[]): Promise<void> {
  console.error(`rig: apt-get ${args.join(' ')}`);
  const began = Date.now();
  const child = spawn('apt-get', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...scrubbedEnv(), DEBIAN_FRONTEND: 'noninteractive' },
  });
  let words = '';
  const hear = (piece: Buffer) => {
    words = (words + piece.toString()).slice(-4000);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const tick = setInterval(() => {
    console.error(`rig: apt-get ${args[0]}, ${seconds()} s: ${words.trim().split('\n').at(-1)?.slice(0, 100) ?? ''}`);
  }, 10_000);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new NotHere(`apt-get ${args[0]} failed (${code}):\n${words}`);
    console.error(`rig: apt-get ${args[0]} done in ${seconds()} s`);
  } finally {
    clearInterval(tick);
  }
}

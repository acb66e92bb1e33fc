import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { listArtifacts } from '../artifacts/artifact.js';
import type { Blobs } from '../artifacts/blobs.js';
import { isDigest } from '../artifacts/layout.js';
import type { Digest } from '../core/brand.js';
import type { Config } from '../core/config.js';
import { type OpenArtifacts, openArtifacts, type Surroundings } from '../preset.js';
import { type Args, type Command, UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { interruptible } from './interrupt.js';
import { loadSurroundings, loadWork } from './load.js';
import type { Terminal } from './terminal.js';

export interface AtArtifacts extends OpenArtifacts {
  readonly args: Args;
  readonly terminal: Terminal;
  readonly surroundings: Surroundings & { readonly config: Config };
  readonly signal: AbortSignal;
}

/** For commands about artifacts: those of the workflow's cache where there is a file, else of --cache, else .stepaside/. */
export function onArtifacts(act: (at: AtArtifacts) => Promise<Exit>): Command {
  return async (args, terminal) => {
    const file = args.one('file') ?? (terminal.env['STEPASIDE_FILE'] || 'stepaside.yaml');
    const named = args.one('file') !== undefined || existsSync(resolve(terminal.cwd, file));
    const loaded = named ? await loadWork(args, terminal) : undefined;
    if (loaded && !loaded.ok) return EXIT.usage;
    const surroundings = loaded?.surroundings ?? (await loadSurroundings(args, terminal));
    if (!surroundings) return EXIT.usage;
    const uri = args.one('cache') ?? (terminal.env['STEPASIDE_CACHE'] || loaded?.workflow.cache || '.stepaside/');
    const interrupts = interruptible();
    const artifacts = await openArtifacts(uri, surroundings);
    try {
      return await act({ ...artifacts, args, terminal, surroundings, signal: interrupts.signal });
    } finally {
      interrupts.stop();
      await artifacts.close();
    }
  };
}

/** A digest as people write it: whole, or as much of it as is unique. */
export async function findArtifact(blobs: Blobs, text: string): Promise<Digest> {
  const wanted = text.startsWith('blake3-') ? text : `blake3-${text}`;
  if (isDigest(wanted)) return wanted;
  const found: Digest[] = [];
  for await (const { digest } of listArtifacts(blobs)) if (digest.startsWith(wanted)) found.push(digest);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new UsageError(`no artifact has the digest ${text}`, 'see stepaside artifact ls');
  throw new UsageError(`${found.length} artifacts begin with ${text}`, 'write more of it');
}

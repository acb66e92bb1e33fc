import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { listArtifacts } from '../artifacts/artifact.js';
import { fileTrouble, statAt } from '../artifacts/file-trouble.js';
import { artifactKey, isDigest } from '../artifacts/layout.js';
import type { Digest } from '../core/brand.js';
import type { Config } from '../core/config.js';
import { parseLocation } from '../core/location.js';
import { diskPath, type OpenArtifacts, openArtifacts, type Surroundings } from '../preset.js';
import { type Args, type Command, UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { Interrupted, interruptible } from './interrupt.js';
import { loadSurroundings, loadWork } from './load.js';
import type { Terminal } from './terminal.js';

export interface AtArtifacts extends OpenArtifacts {
  readonly args: Args;
  readonly terminal: Terminal;
  readonly surroundings: Surroundings & { readonly config: Config };
  readonly signal: AbortSignal;
  /** For people: its whole path where it is a folder. */
  readonly cacheName: string;
  /** It would be a folder, and nobody has made it. */
  readonly noCache: boolean;
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
    const path = diskPath(parseLocation(uri), surroundings);
    const there = path === undefined ? undefined : statAt(path);
    if (there?.isDirectory() === false)
      throw new UsageError(`the cache ${path} is a file, no folder`, 'name a folder or a bucket by --cache');
    const cacheName = path ?? uri;
    const noCache = path !== undefined && there === undefined;
    const interrupts = interruptible();
    const artifacts = await openArtifacts(uri, surroundings);
    try {
      return await act({ ...artifacts, args, terminal, surroundings, signal: interrupts.signal, cacheName, noCache });
    } catch (error) {
      const isOurs = interrupts.by() !== undefined && error instanceof Error && error.name === 'AbortError';
      if (isOurs) throw new Interrupted();
      return fileTrouble(error);
    } finally {
      interrupts.stop();
      await artifacts.close();
    }
  };
}

/** A digest as people write it: whole, or as much of it as is unique. */
export async function findArtifact(
  { blobs, cacheName }: Pick<AtArtifacts, 'blobs' | 'cacheName'>,
  text: string,
): Promise<Digest> {
  if (text === '') throw new UsageError('an empty digest names nothing', 'see stepaside artifact ls');
  const wanted = wholeOf(text);
  const known: Digest[] = [];
  if (isDigest(wanted)) {
    if ((await blobs.store.head(artifactKey(wanted))) !== undefined) known.push(wanted);
  } else for await (const { digest } of listArtifacts(blobs)) known.push(digest);
  return findDigest(known, text, `no artifact has the digest ${text} in ${cacheName}`);
}

/** The same, of those that are `known`. */
export function findDigest(known: Iterable<Digest>, text: string, none: string): Digest {
  const found = [...known].filter((digest) => digest.startsWith(wholeOf(text)));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new UsageError(none, 'see stepaside artifact ls');
  throw new UsageError(`${found.length} artifacts begin with ${text}`, 'write more of it');
}

const wholeOf = (text: string) => (text.startsWith('blake3-') ? text : `blake3-${text}`);

import { chunksOf, readArtifact } from '../artifacts/artifact.js';
import { type Restored, type RestoreOptions, restore } from '../artifacts/restore.js';
import { restoreObjects } from '../artifacts/restore-objects.js';
import type { Digest } from '../core/brand.js';
import { compileGlob } from '../core/glob.js';
import { isTree, parseLocation } from '../core/location.js';
import { besideCache, factsOf, pathHere, watched } from './artifact-acts.js';
import { type AtArtifacts, findArtifact } from './at-artifacts.js';
import { namingArtifact } from './broken.js';
import { bytesText } from './bytes-text.js';
import { isGiven, UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { Interrupted } from './interrupt.js';
import { printable } from './terminal.js';

export async function get(at: AtArtifacts, [text, target, ...more]: readonly string[]): Promise<Exit> {
  const { args, terminal, blobs } = at;
  if (text === undefined || target === undefined || more.length > 0)
    throw new UsageError('get what, and where to?', 'artifact get DIGEST PATH, or a location on S3, or - for stdout');
  if (target === '-' && args.on('json'))
    throw new UsageError('stdout cannot hold both, the bytes and --json', 'name a file to get it to');
  const unfit = ['only', 'replace', 'hard-links'].find((name) => isGiven(args, name));
  if (target === '-' && unfit !== undefined)
    throw new UsageError(`--${unfit} means nothing for stdout`, 'name a place to get it to');
  const digest = await findArtifact(at, text);
  if (target === '-') return namingArtifact(blobs, digest, () => print(at, digest));
  const patterns = args.all('only').map((pattern) => compileGlob(pattern));
  const { how, root, extent, tally } = await watched(at, 'get', (options) =>
    namingArtifact(blobs, digest, () =>
      getAt(at, digest, target, {
        ...options,
        ...(patterns.length > 0 && { only: (path: string) => patterns.some((pattern) => pattern.matches(path)) }),
      }),
    ),
  );
  if (extent.entries === 0 && patterns.length > 0)
    throw new UsageError(
      `no path of it matches ${args.all('only').join(' or ')}`,
      `see stepaside artifact ls ${digest.slice(0, 19)}; what lies in a folder is FOLDER/**`,
    );
  if (args.on('json'))
    terminal.json('artifact get', {
      exitCode: EXIT.good,
      digest,
      target,
      how,
      ...factsOf(root),
      files: extent.files,
      bytes: extent.bytes,
      writtenBytes: tally.bytes,
    });
  else terminal.data(`${how.padEnd(8)}  ${printable(target)}  ${bytesText(extent.bytes)}`);
  return EXIT.good;
}

const ELSEWHERE = 'name another place';

async function getAt(at: AtArtifacts, digest: Digest, target: string, more: RestoreOptions): Promise<Restored> {
  const { args, blobs, places } = at;
  const options = { ...more, replace: args.on('replace') };
  const location = parseLocation(target);
  const lies = besideCache(at, location);
  if (lies === 'within' || lies === 'itself')
    throw new UsageError(`${target} lies in the cache ${at.cacheName}: nothing but Stepaside writes there`, ELSEWHERE);
  if (lies === 'around' && options.replace)
    throw new UsageError(`${target} holds the cache itself: all in it would go`, ELSEWHERE);
  if (location.kind === 's3') return restoreObjects(blobs, digest, places.at(location), options);
  if (isTree(location) && (await readArtifact(blobs, digest)).kind === 'file')
    throw new UsageError('a single file needs a place that does not end in "/"', `name the file, as in ${target}file`);
  const path = await pathHere(at, location);
  return restore(blobs, digest, path, {
    ...options,
    links: args.on('links') ? 'keep' : 'refuse',
    hardLinks: args.on('hard-links'),
  });
}

/** A file to stdout, each chunk verified before it is printed. */
async function print({ blobs, terminal, signal }: AtArtifacts, digest: Digest): Promise<Exit> {
  const root = await readArtifact(blobs, digest);
  if (root.kind !== 'file') throw new UsageError('a tree cannot go to stdout', 'name a folder');
  for await (const chunks of chunksOf(blobs, root.content))
    for (const chunk of chunks) {
      if (signal.aborted) throw new Interrupted('stdout got only a part of it: type it again');
      process.stdout.write(await blobs.read(chunk.digest));
      await terminal.drained();
    }
  return EXIT.good;
}

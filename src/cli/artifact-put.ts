import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { statAt } from '../artifacts/file-trouble.js';
import { pin } from '../artifacts/pins.js';
import { type PutOptions, putFileArtifact, putStream, putTree } from '../artifacts/put.js';
import { putObject, putObjects } from '../artifacts/put-objects.js';
import { StepasideError } from '../core/error.js';
import { isTree, parseLocation, type S3Location } from '../core/location.js';
import { ownIgnore } from '../preset.js';
import type { Store } from '../store/store.js';
import { besideCache, factsOf, isIn, pathHere, watched } from './artifact-acts.js';
import type { AtArtifacts } from './at-artifacts.js';
import { bytesText } from './bytes-text.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { exitOf, failureOf, tellFailure } from './failure.js';
import { printable } from './terminal.js';

export async function put(at: AtArtifacts, words: readonly string[]): Promise<Exit> {
  const { args, terminal, blobs, signal } = at;
  if (words.length === 0) throw new UsageError('put what?', 'artifact put PATH..., or - for what comes on stdin');
  await at.prepare();
  const artifacts: object[] = [];
  const failed: unknown[] = [];
  for (const word of words) {
    try {
      const { digest, root, tally } = await watched(at, 'put', (options) => putWord(at, word, options));
      if (args.on('pin')) await pin(blobs, digest, signal);
      artifacts.push({ path: word, digest, ...factsOf(root), storedBytes: tally.storedBytes });
      if (!args.on('json')) terminal.data(`${digest}  ${printable(word)}`);
      // Lists that were there are no bytes of what was put.
      const there = Math.min(tally.bytes, tally.thereBytes);
      terminal.note(
        terminal.paint.dim(
          `${bytesText(tally.bytes)} in ${tally.files} files; ${bytesText(tally.storedBytes)} stored, ${bytesText(there)} were there`,
        ),
      );
    } catch (error) {
      if (!(error instanceof UsageError) && !(error instanceof StepasideError)) throw error;
      failed.push(error);
      artifacts.push({ path: word, error: failureOf(error) });
      tellFailure(error, terminal);
    }
  }
  const exitCode = failed.reduce((worst: Exit, error) => Math.max(worst, exitOf(error)) as Exit, EXIT.good);
  const worst = failed.find((error) => exitOf(error) === exitCode);
  if (args.on('json'))
    terminal.json('artifact put', {
      exitCode,
      artifacts,
      ...(worst !== undefined && { error: failureOf(worst) }),
    });
  if (failed.length < words.length && !args.on('pin'))
    terminal.note(
      terminal.paint.dim('what no record names is removed by gc 30 days after it was put, unless it is pinned (--pin)'),
    );
  return exitCode;
}

/** A path here, a location anywhere, or stdin. */
async function putWord(at: AtArtifacts, word: string, options: PutOptions) {
  const { args, blobs, places, signal } = at;
  // A pipe may stay silent for ever: nobody but the signal ends the waiting.
  if (word === '-') return putStream(blobs, addAbortSignal(signal, process.stdin), options);
  const location = parseLocation(word);
  const [marker, links] = [args.one('marker'), args.on('links') ? ('keep' as const) : ('refuse' as const)];
  if (['itself', 'around'].includes(besideCache(at, location))) throw wouldHoldItself(at, word);
  if (location.kind === 's3') {
    const { store, key } = places.at(location);
    if (!(await isAnything(store, location, key))) throw new UsageError(`there is nothing at ${word}`);
    return isTree(location)
      ? putObjects(blobs, store, key, { ...options, marker })
      : putObject(blobs, store, key, options);
  }
  const path = await pathHere(at, location);
  const there = statAt(path);
  if (there === undefined) throw new UsageError(`there is no ${word}`);
  if (!there.isDirectory() && isTree(location))
    throw new UsageError(`${word} is a file, no folder`, `name it without a "/" at its end`);
  const known = { ...options, strict: args.on('strict'), statsIn: await statsFolder(at, path) };
  return there.isDirectory() ? putTree(blobs, path, { ...known, marker, links }) : putFileArtifact(blobs, path, known);
}

/** What is not there would be kept as an empty tree. */
async function isAnything(store: Store, location: S3Location, key: string): Promise<boolean> {
  if (!isTree(location)) return (await store.head(key)) !== undefined;
  for await (const _ of store.list(key)) return true;
  return false;
}

function wouldHoldItself({ cacheName }: AtArtifacts, word: string): UsageError {
  return new UsageError(
    `the cache ${cacheName} lies in ${word}: it would be stored in itself`,
    'name what to keep, or a cache elsewhere by --cache',
  );
}

/** Stamps are believed on disks of this machine alone: elsewhere others write, by clocks of their own. */
async function statsFolder({ terminal, places, cacheFolder }: AtArtifacts, path: string) {
  if (places.at({ kind: 'file', path }).store.traits.remote) return undefined;
  const own = cacheFolder ?? join(terminal.cwd, '.stepaside');
  // They would be a part of what is put.
  if (isIn(path, own)) return undefined;
  await ownIgnore(own);
  return join(own, 'stats');
}

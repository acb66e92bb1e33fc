import { realpathSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { chunksOf, entriesOf, readArtifact, readArtifacts } from '../artifacts/artifact.js';
import type { Entry } from '../artifacts/entry.js';
import { statAt } from '../artifacts/file-trouble.js';
import { type PutOptions, putFileArtifact, putStream, putTree } from '../artifacts/put.js';
import { putObject, putObjects } from '../artifacts/put-objects.js';
import { type Restored, type RestoreOptions, restore } from '../artifacts/restore.js';
import { restoreObjects } from '../artifacts/restore-objects.js';
import { bytesOf, type Root } from '../artifacts/root.js';
import { newTally } from '../artifacts/tally.js';
import { usageOf } from '../artifacts/usage.js';
import type { Digest } from '../core/brand.js';
import { IntegrityError, StepasideError } from '../core/error.js';
import { formatAge } from '../core/freshness.js';
import { compileGlob } from '../core/glob.js';
import { contains, isTree, type Location, parseLocation, type S3Location } from '../core/location.js';
import { diskPath, ownIgnore } from '../preset.js';
import { type AtArtifacts, findArtifact, onArtifacts } from './at-artifacts.js';
import { namingArtifact } from './broken.js';
import { bytesText } from './bytes-text.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { exitOf, failureOf, tellFailure } from './failure.js';
import { Interrupted } from './interrupt.js';
import { progress } from './progress.js';
import { type JsonList, printable } from './terminal.js';
import { keepYoungHeapSmall } from './v8-flags.js';

const VERBS: Readonly<Record<string, (at: AtArtifacts, words: readonly string[]) => Promise<Exit>>> = {
  put,
  get,
  ls,
  du,
};

export const artifact = onArtifacts(async (at) => {
  const [verb = '', ...words] = at.args.words;
  const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!act) throw new UsageError(verb === '' ? 'artifact what?' : `artifact cannot ${verb}`, 'put, get, ls or du');
  // Bytes lie outside of it: what it would grow to is garbage of a few hundred bytes a file.
  keepYoungHeapSmall();
  return act(at, words);
});

async function put(at: AtArtifacts, words: readonly string[]): Promise<Exit> {
  const { args, terminal } = at;
  if (words.length === 0) throw new UsageError('put what?', 'artifact put PATH..., or - for what comes on stdin');
  await at.prepare();
  const artifacts: object[] = [];
  const failed: unknown[] = [];
  for (const word of words) {
    try {
      const { digest, root, tally } = await watched(at, 'put', (options) => putWord(at, word, options));
      artifacts.push({ path: word, digest, ...factsOf(root), storedBytes: tally.storedBytes });
      if (!args.on('json')) terminal.data(`${digest}  ${printable(word)}`);
      const there = Math.max(0, tally.bytes - tally.storedBytes);
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
  if (failed.length < words.length)
    terminal.note(
      terminal.paint.dim('what no record names is removed by gc 30 days after it was put; gc --keep DIGEST spares it'),
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
  if (location.kind === 's3') {
    if (contains(location, parseLocation(at.cache.uri))) throw wouldHoldItself(at, word);
    const { store, key } = places.at(location);
    return isTree(location)
      ? putObjects(blobs, store, key, { ...options, marker })
      : putObject(blobs, store, key, options);
  }
  const path = await pathHere(at, location);
  const there = statAt(path);
  if (there === undefined) throw new UsageError(`there is no ${word}`);
  if (!there.isDirectory() && isTree(location))
    throw new UsageError(`${word} is a file, no folder`, `name it without a "/" at its end`);
  if (holdsCache(at, path)) throw wouldHoldItself(at, word);
  const known = { ...options, strict: args.on('strict'), statsIn: await statsFolder(at, path) };
  return there.isDirectory() ? putTree(blobs, path, { ...known, marker, links }) : putFileArtifact(blobs, path, known);
}

/** Also where either is reached by a link. One that could not be made is told by the first write. */
function holdsCache({ cache, surroundings }: AtArtifacts, path: string): boolean {
  const cachePath = diskPath(parseLocation(cache.uri), surroundings);
  const isMade = cachePath !== undefined && statAt(cachePath) !== undefined && statAt(path) !== undefined;
  return isMade && isIn(realpathSync(path), realpathSync(cachePath));
}

function wouldHoldItself({ cacheName }: AtArtifacts, word: string): UsageError {
  return new UsageError(
    `the cache ${cacheName} lies in ${word}: it would be stored in itself`,
    'name what to keep, or a cache elsewhere by --cache',
  );
}

const isIn = (folder: string, path: string) => !/^\.\.(\/|$)/.test(relative(folder, path));

/**
 * Where it lies on this machine. A volume is asked first whether it is mounted: what is written where it would be lies on
 * another disk.
 */
async function pathHere(
  { terminal, places, surroundings }: AtArtifacts,
  location: Exclude<Location, S3Location>,
): Promise<string> {
  if (location.kind === 'volume') {
    const { store, key } = places.at(location);
    for await (const _ of store.list(key)) break;
  }
  return resolve(diskPath(location, { ...surroundings, folder: terminal.cwd })!);
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

async function get(at: AtArtifacts, [text, target, ...more]: readonly string[]): Promise<Exit> {
  const { args, terminal, blobs } = at;
  if (text === undefined || target === undefined || more.length > 0)
    throw new UsageError('get what, and where to?', 'artifact get DIGEST PATH, or a location on S3, or - for stdout');
  if (target === '-' && args.on('json'))
    throw new UsageError('stdout cannot hold both, the bytes and --json', 'name a file to get it to');
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

async function getAt(at: AtArtifacts, digest: Digest, target: string, more: RestoreOptions): Promise<Restored> {
  const { args, blobs, places } = at;
  const options = { ...more, replace: args.on('replace') };
  const location = parseLocation(target);
  if (location.kind === 's3') return restoreObjects(blobs, digest, places.at(location), options);
  if (isTree(location) && (await readArtifact(blobs, digest)).kind === 'file')
    throw new UsageError('a single file needs a place that does not end in "/"', `name the file, as in ${target}file`);
  const path = await pathHere(at, location);
  if (options.replace && holdsCache(at, path))
    throw new UsageError(`${target} holds the cache itself: all in it would go`, 'name another place');
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

async function ls(at: AtArtifacts, words: readonly string[]): Promise<Exit> {
  if (words.length > 0) return lsEntries(at, words);
  const { args, terminal, blobs, signal } = at;
  const list = args.on('json') ? terminal.jsonList('artifact ls', 'artifacts') : undefined;
  let [count, damaged] = [0, 0];
  for await (const { digest, putAt, root } of readArtifacts(blobs)) {
    signal.throwIfAborted();
    count += 1;
    if (root instanceof IntegrityError) {
      damaged += 1;
      if (list) list.item({ digest, putAt, error: failureOf(root) });
      else terminal.data(`${digest.slice(0, 19)}  ${terminal.paint.bad('damaged')}  ${printable(root.message)}`);
    } else if (list) list.item({ digest, putAt, ...factsOf(root) });
    else terminal.data(artifactLine(digest, root, putAt));
    await terminal.drained();
  }
  const exitCode = damaged > 0 ? EXIT.unsure : EXIT.good;
  list?.end({ exitCode, damaged });
  if (!list && count === 0) terminal.note(at.noCache ? noCacheNote(at) : 'no artifacts');
  if (damaged > 0) tellDamaged(at, damaged);
  return exitCode;
}

function artifactLine(digest: Digest, root: Root, putAt: number): string {
  const files = root.kind === 'tree' ? root.files : 1;
  return `${digest.slice(0, 19)}  ${root.kind}  ${bytesText(bytesOf(root)).padStart(10)}  ${String(files).padStart(8)} ${files === 1 ? 'file ' : 'files'}  ${formatAge(Math.max(0, Date.now() - putAt)).padStart(5)} old`;
}

const noCacheNote = ({ cacheName }: AtArtifacts) => `no artifacts: there is no cache at ${cacheName}`;

function tellDamaged({ terminal }: AtArtifacts, damaged: number): void {
  terminal.complain(
    damaged === 1 ? '1 artifact is damaged' : `${damaged} artifacts are damaged`,
    'stepaside verify --mend stores anew what a record says where it still lies',
  );
}

async function lsEntries(at: AtArtifacts, words: readonly string[]): Promise<Exit> {
  const { args, terminal, blobs } = at;
  const list = args.on('json') ? terminal.jsonList('artifact ls', 'entries') : undefined;
  for (const word of words) {
    const digest = await findArtifact(at, word);
    await namingArtifact(blobs, digest, () => lsOne(at, digest, list));
  }
  list?.end({ exitCode: EXIT.good });
  return EXIT.good;
}

async function lsOne({ terminal, blobs, signal }: AtArtifacts, digest: Digest, list: JsonList | undefined) {
  for await (const entries of entriesOf(blobs, await readArtifact(blobs, digest))) {
    signal.throwIfAborted();
    for (const entry of entries) {
      if (list) list.item({ artifact: digest, ...entry });
      else terminal.data(entryLine(entry));
    }
    await terminal.drained();
  }
}

function entryLine(entry: Entry): string {
  if (entry.kind === 'folder') return `---            -  ${printable(entry.path)}/`;
  if (entry.kind === 'link') return `lnk            -  ${printable(entry.path)} -> ${printable(entry.target)}`;
  return `${entry.mode.toString(8).padStart(3, '0')}  ${String(entry.content.size).padStart(11)}  ${printable(entry.path)}`;
}

async function du(at: AtArtifacts, [extra]: readonly string[]): Promise<Exit> {
  if (extra !== undefined) throw new UsageError(`artifact du takes no words, as ${extra}`);
  const { args, terminal, blobs, signal } = at;
  const usage = await usageOf(blobs, signal);
  const exitCode = usage.damaged > 0 ? EXIT.unsure : EXIT.good;
  if (args.on('json')) terminal.json('artifact du', { exitCode, ...usage });
  else {
    const row = (bytes: number, what: string) => terminal.data(`${bytesText(bytes).padStart(10)}  ${what}`);
    row(usage.artifactBytes, `in ${usage.artifacts} artifacts, as they are restored`);
    row(usage.chunks.bytes, `in ${usage.chunks.count} chunks`);
    row(usage.packs.bytes, `in ${usage.packs.count} packs of ${usage.packed} small blobs`);
    row(usage.lists.bytes, `in ${usage.lists.count} lists and indexes`);
    if (usage.quarantine.count > 0) row(usage.quarantine.bytes, `put aside: ${usage.quarantine.count} bad blobs`);
    if (at.noCache) terminal.note(noCacheNote(at));
  }
  if (usage.damaged > 0) tellDamaged(at, usage.damaged);
  return exitCode;
}

const factsOf = (root: Root) =>
  root.kind === 'tree'
    ? { kind: 'tree', files: root.files, bytes: root.bytes }
    : { kind: 'file', files: 1, bytes: root.content.size, content: root.content.digest };

async function watched<T>(
  { args, terminal, signal }: AtArtifacts,
  verb: string,
  act: (options: { tally: ReturnType<typeof newTally>; signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const tally = newTally();
  const stop = progress({ terminal, tally, verb, quiet: args.on('json') || args.on('quiet') });
  try {
    return await act({ tally, signal });
  } finally {
    stop();
  }
}

import { existsSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chunksOf, entriesOf, listArtifacts, readArtifact } from '../artifacts/artifact.js';
import type { Entry } from '../artifacts/entry.js';
import { type PutOptions, putFileArtifact, putStream, putTree } from '../artifacts/put.js';
import { putObject, putObjects } from '../artifacts/put-objects.js';
import { type Restored, type RestoreOptions, restore } from '../artifacts/restore.js';
import { restoreObjects } from '../artifacts/restore-objects.js';
import { bytesOf, type Root } from '../artifacts/root.js';
import { newTally } from '../artifacts/tally.js';
import { usageOf } from '../artifacts/usage.js';
import type { Digest } from '../core/brand.js';
import { formatAge } from '../core/freshness.js';
import { compileGlob } from '../core/glob.js';
import { isTree, parseLocation } from '../core/location.js';
import { ownIgnore } from '../preset.js';
import { type AtArtifacts, findArtifact, onArtifacts } from './at-artifacts.js';
import { bytesText } from './bytes-text.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { progress } from './progress.js';
import { printable } from './terminal.js';
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
  const stored: object[] = [];
  for (const word of words) {
    const { digest, root, tally } = await watched(at, 'put', (options) => {
      return putWord(at, word, options);
    });
    stored.push({ path: word, digest, ...factsOf(root), storedBytes: tally.storedBytes });
    if (!args.on('json')) terminal.data(`${digest}  ${printable(word)}`);
    const there = Math.max(0, tally.bytes - tally.storedBytes);
    terminal.note(
      terminal.paint.dim(
        `${bytesText(tally.bytes)} in ${tally.files} files; ${bytesText(tally.storedBytes)} stored, ${bytesText(there)} were there`,
      ),
    );
  }
  if (args.on('json')) terminal.json('artifact put', { exitCode: EXIT.good, artifacts: stored });
  return EXIT.good;
}

/** A path here, a location anywhere, or stdin. */
async function putWord(at: AtArtifacts, word: string, options: PutOptions) {
  const { args, terminal, blobs, places } = at;
  if (word === '-') return putStream(blobs, process.stdin, options);
  const location = parseLocation(word);
  const [marker, links] = [args.one('marker'), args.on('links') ? ('keep' as const) : ('refuse' as const)];
  if (location.kind === 's3') {
    const { store, key } = places.at(location);
    return isTree(location)
      ? putObjects(blobs, store, key, { ...options, marker })
      : putObject(blobs, store, key, options);
  }
  const path = resolve(terminal.cwd, location.kind === 'file' ? location.path : word);
  const known = { ...options, strict: args.on('strict'), statsIn: await statsFolder(at, path) };
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return putFileArtifact(blobs, path, known);
  return putTree(blobs, path, { ...known, marker, links });
}

/** Stamps are believed on disks of this machine alone: elsewhere others write, by clocks of their own. */
async function statsFolder({ terminal, places, cacheFolder }: AtArtifacts, path: string) {
  if (places.at({ kind: 'file', path }).store.traits.remote) return undefined;
  const own = cacheFolder ?? join(terminal.cwd, '.stepaside');
  await ownIgnore(own);
  return join(own, 'stats');
}

async function get(at: AtArtifacts, [text, target, ...more]: readonly string[]): Promise<Exit> {
  const { args, terminal, blobs } = at;
  if (text === undefined || target === undefined || more.length > 0)
    throw new UsageError('get what, and where to?', 'artifact get DIGEST PATH, or a location on S3, or - for stdout');
  const digest = await findArtifact(blobs, text);
  if (target === '-') return print(at, digest);
  const patterns = args.all('only').map((pattern) => compileGlob(pattern));
  const { how, root, extent, tally } = await watched(at, 'get', (options) =>
    getAt(at, digest, target, {
      ...options,
      ...(patterns.length > 0 && { only: (path: string) => patterns.some((pattern) => pattern.matches(path)) }),
    }),
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

async function getAt(
  { args, terminal, blobs, places, cacheFolder }: AtArtifacts,
  digest: Digest,
  target: string,
  more: RestoreOptions,
): Promise<Restored> {
  const options = { ...more, replace: args.on('replace') };
  const location = parseLocation(target);
  if (location.kind === 's3') return restoreObjects(blobs, digest, places.at(location), options);
  const path = resolve(terminal.cwd, location.kind === 'file' ? location.path : target);
  if (options.replace && cacheFolder !== undefined && isWithin(path, cacheFolder))
    throw new UsageError(`${target} holds the cache itself: all in it would go`, 'name another place');
  return restore(blobs, digest, path, {
    ...options,
    links: args.on('links') ? 'keep' : 'refuse',
    hardLinks: args.on('hard-links'),
  });
}

/** Also where either is reached by a link. */
function isWithin(folder: string, path: string): boolean {
  const real = (one: string) => (existsSync(one) ? realpathSync(one) : one);
  return `${real(path)}/`.startsWith(`${real(folder)}/`);
}

/** A file to stdout, each chunk verified before it is printed. */
async function print({ blobs, terminal, signal }: AtArtifacts, digest: Digest): Promise<Exit> {
  const root = await readArtifact(blobs, digest);
  if (root.kind !== 'file') throw new UsageError('a tree cannot go to stdout', 'name a folder');
  for await (const chunks of chunksOf(blobs, root.content))
    for (const chunk of chunks) {
      signal.throwIfAborted();
      process.stdout.write(await blobs.read(chunk.digest));
      await terminal.drained();
    }
  return EXIT.good;
}

async function ls({ args, terminal, blobs }: AtArtifacts, words: readonly string[]): Promise<Exit> {
  if (words.length > 0) return lsEntries({ args, terminal, blobs }, words);
  const list = args.on('json') ? terminal.jsonList('artifact ls', 'artifacts') : undefined;
  let count = 0;
  for await (const { digest, putAt } of listArtifacts(blobs)) {
    count += 1;
    const root = await readArtifact(blobs, digest);
    const files = root.kind === 'tree' ? root.files : 1;
    if (list) list.item({ digest, putAt, ...factsOf(root) });
    else
      terminal.data(
        `${digest.slice(0, 19)}  ${root.kind}  ${bytesText(bytesOf(root)).padStart(10)}  ${String(files).padStart(8)} ${files === 1 ? 'file ' : 'files'}  ${formatAge(Math.max(0, Date.now() - putAt)).padStart(5)} old`,
      );
    await terminal.drained();
  }
  list?.end({ exitCode: EXIT.good });
  if (!list && count === 0) terminal.note('no artifacts');
  return EXIT.good;
}

async function lsEntries(
  { args, terminal, blobs }: Pick<AtArtifacts, 'args' | 'terminal' | 'blobs'>,
  words: readonly string[],
): Promise<Exit> {
  const list = args.on('json') ? terminal.jsonList('artifact ls', 'entries') : undefined;
  for (const word of words) {
    const digest = await findArtifact(blobs, word);
    for await (const entries of entriesOf(blobs, await readArtifact(blobs, digest))) {
      for (const entry of entries) {
        if (list) list.item({ artifact: digest, ...entry });
        else terminal.data(entryLine(entry));
      }
      await terminal.drained();
    }
  }
  list?.end({ exitCode: EXIT.good });
  return EXIT.good;
}

function entryLine(entry: Entry): string {
  if (entry.kind === 'folder') return `---            -  ${printable(entry.path)}/`;
  if (entry.kind === 'link') return `lnk            -  ${printable(entry.path)} -> ${printable(entry.target)}`;
  return `${entry.mode.toString(8).padStart(3, '0')}  ${String(entry.content.size).padStart(11)}  ${printable(entry.path)}`;
}

async function du({ args, terminal, blobs }: AtArtifacts): Promise<Exit> {
  const usage = await usageOf(blobs);
  if (args.on('json')) {
    terminal.json('artifact du', { exitCode: EXIT.good, ...usage });
    return EXIT.good;
  }
  const row = (bytes: number, what: string) => terminal.data(`${bytesText(bytes).padStart(10)}  ${what}`);
  row(usage.artifactBytes, `in ${usage.artifacts} artifacts, as they are restored`);
  row(usage.chunks.bytes, `in ${usage.chunks.count} chunks`);
  row(usage.packs.bytes, `in ${usage.packs.count} packs of ${usage.packed} small blobs`);
  row(usage.lists.bytes, `in ${usage.lists.count} lists and indexes`);
  if (usage.quarantine.count > 0) row(usage.quarantine.bytes, `put aside: ${usage.quarantine.count} bad blobs`);
  return EXIT.good;
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

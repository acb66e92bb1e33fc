import { entriesOf, readArtifact, readArtifacts } from '../artifacts/artifact.js';
import type { Entry } from '../artifacts/entry.js';
import { pinned } from '../artifacts/pins.js';
import { bytesOf, type Root } from '../artifacts/root.js';
import { usageOf } from '../artifacts/usage.js';
import type { Digest } from '../core/brand.js';
import { IntegrityError } from '../core/error.js';
import { formatAge } from '../core/freshness.js';
import { factsOf } from './artifact-acts.js';
import { type AtArtifacts, findArtifact } from './at-artifacts.js';
import { namingArtifact } from './broken.js';
import { bytesText } from './bytes-text.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { failureOf } from './failure.js';
import { type JsonList, printable } from './terminal.js';

export async function ls(at: AtArtifacts, words: readonly string[]): Promise<Exit> {
  if (words.length > 0) return lsEntries(at, words);
  const { args, terminal, blobs, signal } = at;
  const list = args.on('json') ? terminal.jsonList('artifact ls', 'artifacts') : undefined;
  const pins = await pinned(blobs);
  let [count, damaged] = [0, 0];
  for await (const { digest, putAt, root } of readArtifacts(blobs)) {
    signal.throwIfAborted();
    count += 1;
    if (root instanceof IntegrityError) {
      damaged += 1;
      if (list) list.item({ digest, putAt, error: failureOf(root) });
      else terminal.data(`${digest.slice(0, 19)}  ${terminal.paint.bad('damaged')}  ${printable(root.message)}`);
    } else if (list) list.item({ digest, putAt, ...factsOf(root), ...(pins.has(digest) && { pinned: true }) });
    else terminal.data(`${artifactLine(digest, root, putAt)}${pins.has(digest) ? '  pinned' : ''}`);
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

export async function du(at: AtArtifacts, [extra]: readonly string[]): Promise<Exit> {
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

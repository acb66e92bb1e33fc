import { pin as pinIt, pinned, unpin } from '../artifacts/pins.js';
import { type AtArtifacts, findArtifact, findDigest } from './at-artifacts.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';

/** What was put by hand is named by no record: gc takes it, but for what is pinned. */
export async function pin(at: AtArtifacts, words: readonly string[]): Promise<Exit> {
  const { args, terminal, blobs, signal } = at;
  if (words.length === 0)
    throw new UsageError('pin which artifact?', 'artifact pin DIGEST...; see stepaside artifact ls');
  const undo = args.on('undo');
  // Also of one that is not there any more.
  const find = undo
    ? async (word: string) => findDigest(await pinned(blobs), word, `no artifact that is pinned has the digest ${word}`)
    : (word: string) => findArtifact(at, word);
  const digests = [];
  for (const word of words) digests.push(await find(word));
  for (const digest of digests) await (undo ? unpin(blobs, digest) : pinIt(blobs, digest, signal));
  if (args.on('json')) terminal.json('artifact pin', { exitCode: EXIT.good, undo, digests });
  else for (const digest of digests) terminal.data(`${undo ? 'undo pin' : 'pin'}  ${digest}`);
  return EXIT.good;
}

import { get } from './artifact-get.js';
import { du, ls } from './artifact-ls.js';
import { pin } from './artifact-pin.js';
import { put } from './artifact-put.js';
import { type AtArtifacts, onArtifacts } from './at-artifacts.js';
import { UsageError } from './command.js';
import type { Exit } from './exit.js';
import { keepYoungHeapSmall } from './v8-flags.js';

const VERBS: Readonly<Record<string, (at: AtArtifacts, words: readonly string[]) => Promise<Exit>>> = {
  put,
  get,
  ls,
  du,
  pin,
};

export const artifact = onArtifacts(async (at) => {
  const [verb = '', ...words] = at.args.words;
  const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!act) throw new UsageError(verb === '' ? 'artifact what?' : `artifact cannot ${verb}`, 'put, get, ls, du or pin');
  // Bytes lie outside of it: what it would grow to is garbage of a few hundred bytes a file.
  keepYoungHeapSmall();
  return act(at, words);
});

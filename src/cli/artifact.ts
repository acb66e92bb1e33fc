import { get } from './artifact-get.js';
import { du, ls } from './artifact-ls.js';
import { pin } from './artifact-pin.js';
import { put } from './artifact-put.js';
import { type AtArtifacts, onArtifacts } from './at-artifacts.js';
import { isGiven, UsageError } from './command.js';
import type { Exit } from './exit.js';
import { keepYoungHeapSmall } from './v8-flags.js';

const VERBS: Readonly<Record<string, (at: AtArtifacts, words: readonly string[]) => Promise<Exit>>> = {
  put,
  get,
  ls,
  du,
  pin,
};

/** Whoever writes an option means it: where it would do nothing that is said. */
const ONLY_OF: Readonly<Record<string, readonly string[]>> = {
  marker: ['put'],
  strict: ['put'],
  pin: ['put'],
  links: ['put', 'get'],
  only: ['get'],
  replace: ['get'],
  'hard-links': ['get'],
  undo: ['pin'],
};

export const artifact = onArtifacts(async (at) => {
  const [verb = '', ...words] = at.args.words;
  const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (!act) throw new UsageError(verb === '' ? 'artifact what?' : `artifact cannot ${verb}`, 'put, get, ls, du or pin');
  for (const [option, verbs] of Object.entries(ONLY_OF))
    if (isGiven(at.args, option) && !verbs.includes(verb))
      throw new UsageError(`artifact ${verb} knows no --${option}`, `it is one of artifact ${verbs.join(' and ')}`);
  // Bytes lie outside of it: what it would grow to is garbage of a few hundred bytes a file.
  keepYoungHeapSmall();
  return act(at, words);
});

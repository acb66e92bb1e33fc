import { readJournal } from '../engine/journal.js';
import { onCache } from './cache-command.js';
import { type Args, type Command, UsageError } from './command.js';
import { EXIT } from './exit.js';
import { loadWork } from './load.js';
import { runLoaded } from './run.js';

/** An earlier run again, with its parameters: the named steps by force, the others as far as they are not done. */
export const rerun: Command = async (args, terminal) => {
  const [run, ...steps] = args.words;
  if (run === undefined) throw new UsageError('rerun which RUN?', 'its id is in .stepaside/logs and in run -v');
  let again: Args | undefined;
  const read = await onCache(async ({ engine }) => {
    const journal = await readJournal(engine, run);
    if (!journal) throw new UsageError(`the cache knows no run ${run}`);
    const params = [...Object.entries(journal.params).map(([name, value]) => `${name}=${value}`), ...args.all('param')];
    again = {
      words: steps.length > 0 ? steps : journal.named,
      one: (name) => (name === 'file' ? (args.one('file') ?? journal.file) : args.one(name)),
      all: (name) => (name === 'param' ? params : args.all(name)),
      on: (name) => (name === 'force' ? steps.length > 0 : args.on(name)),
    };
    return EXIT.good;
  })({ ...args, words: [] }, terminal);
  if (!again) return read;
  const loaded = await loadWork(again, terminal);
  return loaded.ok ? runLoaded(loaded, again, terminal, run) : EXIT.usage;
};

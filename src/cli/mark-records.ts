import { parseDuration } from '../core/duration.js';
import type { Entry } from '../core/slot.js';
import { allRecords, type Found, recordsOfKey } from '../engine/all-records.js';
import { type AtCache, onCache } from './cache-command.js';
import { UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { findKey } from './records.js';
import { printable } from './terminal.js';

/** Records that the words and options mean; all conditions must hold. */
async function select(at: AtCache): Promise<readonly Found[]> {
  const { args, engine } = at;
  const [step, age, image, producer] = ['step', 'older-than', 'image', 'producer'].map((name) => args.one(name));
  if (args.words.length === 0 && [step, age, image, producer].every((one) => one === undefined))
    throw new UsageError('which records?', 'name KEYs, or give --step, --older-than, --image or --producer');
  const parsed = age === undefined ? undefined : parseDuration(age);
  if (parsed && !parsed.ok) throw new UsageError(`--older-than ${age}: a duration as in 3d or 72h`);
  const keys = new Set<string>();
  for (const word of args.words) keys.add(await findKey(at, word, `${word} is a step: --step ${word}`));
  const found: Found[] = [];
  const source =
    keys.size > 0 ? [...keys].map((key) => recordsOfKey(engine, key as Found['key'])) : [allRecords(engine)];
  for (const records of source)
    for await (const one of records) {
      const { record } = one;
      if (step !== undefined && record.step !== step && record.step.replace(/\[.*/s, '') !== step) continue;
      if (parsed?.ok && engine.cache.now() - record.producedAt <= parsed.ms) continue;
      if (image !== undefined && record.producer.image !== image) continue;
      if (producer !== undefined && record.producer.host !== producer) continue;
      found.push(one);
    }
  return found;
}

function marking(
  what: string,
  entryOf: (attempts: readonly number[], undo: boolean) => Entry,
  already: (found: Found) => boolean,
) {
  return onCache(async (at): Promise<Exit> => {
    const { args, terminal, engine } = at;
    const undo = args.on('undo');
    const found = (await select(at)).filter((one) => already(one) === undo);
    const dry = args.on('dry-run');
    if (!dry)
      for (const one of found)
        await one.log.appendAfter(await one.log.read(), entryOf([one.entry.attempt], undo), engine.self);
    const records = found.map(({ key, entry, record }) => ({ key, attempt: entry.attempt, step: record.step }));
    const verb = `${dry ? 'would ' : ''}${undo ? `undo ${what}` : what}`;
    if (args.on('json')) terminal.json(what, { exitCode: EXIT.good, dryRun: dry, undo, records });
    else {
      for (const { key, attempt, step } of records)
        terminal.data(`${verb}  ${key.slice(0, 19)}  ${attempt}  ${printable(step)}`);
      terminal.note(`${records.length} record${records.length === 1 ? '' : 's'}${dry ? '; nothing was written' : ''}`);
    }
    return EXIT.good;
  });
}

export const invalidate = marking(
  'invalidate',
  (attempts, undo) => ({ kind: 'tombstone', attempts, undo, why: 'invalidated by hand' }),
  ({ entry }) => entry.tombstoned === true,
);
export const pin = marking(
  'pin',
  (attempts, undo) => ({ kind: 'pin', attempts, undo }),
  ({ entry }) => entry.pinned === true,
);

import { durationText } from '../core/duration-text.js';
import { nameOf } from '../core/key.js';
import { type Found, recordsOfKey } from '../engine/all-records.js';
import { journals } from '../engine/journal.js';
import { componentsOf } from '../engine/nearest.js';
import { partsIn } from '../engine/situation.js';
import { onCache } from './cache-command.js';
import { UsageError } from './command.js';
import { EXIT } from './exit.js';
import { findKey } from './records.js';
import { printable } from './terminal.js';

const SHOWN_PARTS = 10;

/** A record as people read it, and the runs that reused it. */
export const show = onCache(async (at) => {
  const { args, terminal, engine } = at;
  const [word] = args.words;
  if (word === undefined || args.words.length > 1)
    throw new UsageError('which KEY?', 'stepaside ls shows them; the first characters do');
  const key = await findKey(at, word, `${word} is a step: stepaside ls ${word} shows its keys`);
  const found: Found[] = [];
  for await (const one of recordsOfKey(engine, key)) found.push(one);
  const runs = new Map<number, string[]>();
  for await (const journal of journals(engine))
    for (const step of Object.values(journal.steps))
      if (step.key === key && step.attempt !== undefined && step.status === 'avoided')
        runs.set(step.attempt, [...(runs.get(step.attempt) ?? []), journal.run]);
  const records = await Promise.all(
    found.map(async ({ entry, record }) => ({
      ...record,
      tombstoned: entry.tombstoned ?? false,
      pinned: entry.pinned ?? false,
      components: (await componentsOf(engine, record)) ?? ('missing' as const),
      outputs: await Promise.all(
        record.outputs.map(async (output) => ({
          ...output,
          parts: (await partsIn(engine, output)) ?? ('missing' as const),
        })),
      ),
      reusedBy: runs.get(record.attempt) ?? [],
    })),
  );
  if (args.on('json')) {
    terminal.json('show', { exitCode: EXIT.good, key, records });
    return EXIT.good;
  }
  for (const record of records) {
    terminal.data(
      `${terminal.paint.bold(printable(`${record.workflow}/${record.step}`))}  ${key}  attempt ${record.attempt}${record.tombstoned ? '  invalidated' : ''}${record.pinned ? '  pinned' : ''}`,
    );
    terminal.data(
      `  made ${new Date(record.producedAt).toISOString()} on ${printable(record.producer.host)}, run ${record.run}, took ${durationText(record.durationMs)}, ${record.tries} ${record.tries === 1 ? 'try' : 'tries'}${record.producer.adopted ? ', adopted by touch' : ''}${record.putBack === undefined ? '' : `, by attempt ${record.putBack}, and put back since`}`,
    );
    for (const output of record.outputs) {
      terminal.data(
        `  ${printable(output.name)}: ${printable(output.uri)}  ${output.count} parts, ${output.bytes} bytes`,
      );
      if (output.parts === 'missing') terminal.data('    its parts list is gone');
      else
        for (const part of output.parts.slice(0, terminal.verbose ? undefined : SHOWN_PARTS))
          terminal.data(
            `    ${printable(part.path || '(itself)')}  ${part.size} bytes  ${part.etag ?? part.digest ?? ''}`,
          );
      if (output.parts !== 'missing' && !terminal.verbose && output.parts.length > SHOWN_PARTS)
        terminal.data(`    and ${output.parts.length - SHOWN_PARTS} more (-v)`);
    }
    terminal.data('  its key is made of:');
    if (record.components === 'missing') terminal.data('    nobody knows any more: they are gone from the cache');
    else
      for (const component of record.components)
        terminal.data(`    ${nameOf(component).padEnd(20)} ${printable(JSON.stringify(component.value))}`);
    if (record.reusedBy.length > 0)
      terminal.data(`  reused by ${record.reusedBy.length} runs, last ${record.reusedBy.at(-1)}`);
  }
  return EXIT.good;
});

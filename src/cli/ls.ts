import { durationText } from '../core/duration-text.js';
import { formatAge } from '../core/freshness.js';
import { allRecords } from '../engine/all-records.js';
import { onCache } from './cache-command.js';
import { EXIT } from './exit.js';
import { printable } from './terminal.js';

/** What the cache knows, one record a line. */
export const ls = onCache(async ({ args, terminal, engine }) => {
  const list = args.on('json') ? terminal.jsonList('ls', 'records') : undefined;
  let count = 0;
  for await (const { key, entry, record } of allRecords(engine)) {
    if (
      args.words.length > 0 &&
      !args.words.includes(record.step) &&
      !args.words.includes(record.step.replace(/\[.*/s, ''))
    )
      continue;
    count += 1;
    const { tombstoned = false, pinned = false } = entry;
    const bytes = record.outputs.reduce((sum, output) => sum + output.bytes, 0);
    if (list)
      list.item({
        key,
        attempt: entry.attempt,
        workflow: record.workflow,
        step: record.step,
        producedAt: entry.producedAt,
        durationMs: record.durationMs,
        bytes,
        tombstoned,
        pinned,
      });
    else {
      const flags = `${tombstoned ? '  invalidated' : ''}${pinned ? '  pinned' : ''}`;
      const age = formatAge(Math.max(0, engine.cache.now() - entry.producedAt));
      terminal.data(
        `${key.slice(0, 19)}  ${String(entry.attempt).padStart(3)}  ${printable(`${record.workflow}/${record.step}`).padEnd(32)}  ${age.padStart(5)} old  took ${durationText(record.durationMs)}  ${bytes} bytes${terminal.paint.warn(flags)}`,
      );
    }
    await terminal.drained();
  }
  list?.end({ exitCode: EXIT.good });
  if (!list && count === 0) terminal.note('no records');
  return EXIT.good;
});

import { collect } from '../artifacts/collect.js';
import type { Digest } from '../core/brand.js';
import { parseDuration } from '../core/duration.js';
import { type AtArtifacts, findArtifact, onArtifacts } from './at-artifacts.js';
import { bytesText } from './bytes-text.js';
import { type Args, UsageError } from './command.js';
import { EXIT } from './exit.js';
import { allRecords } from './records.js';

export const gc = onArtifacts(async (at) => {
  const { args, terminal, blobs, signal } = at;
  const kept = new Set<Digest>();
  for (const text of args.all('keep')) kept.add(await findArtifact(blobs, text));
  const clock = await blobs.store.abilities.clock?.().catch(() => undefined);
  if (!blobs.store.traits.strongList)
    throw new UsageError(
      `${at.cache.uri} is on a store whose listings may lag behind: what somebody just wrote could be taken for rubbish`,
      'run gc on a machine where the folder is on a disk of its own',
    );
  const found = await collect(blobs, {
    kept: async () =>
      new Map([...(await namedByRecords(at)), ...[...kept].map((one) => [one, 'kept by --keep'] as const)]),
    graceMs: ageOf(args),
    now: () => Date.now() + Math.round(clock?.offsetMs ?? 0),
    dryRun: args.on('dry-run'),
    signal,
  });
  const exit = found.ended === 'busy' ? EXIT.unsure : EXIT.good;
  if (args.on('json')) {
    terminal.json('gc', { exitCode: exit, ...found });
    return exit;
  }
  const verb = found.ended === 'dry-run' ? 'would go' : 'gone    ';
  for (const { key, size, why } of found.doomed)
    terminal.data(`${verb}  ${bytesText(size).padStart(10)}  ${key}  ${why}`);
  const bytes = found.doomed.reduce((sum, { size }) => sum + size, 0);
  if (found.ended === 'busy') terminal.complain('others are writing artifacts: nothing was removed', 'try again later');
  else
    terminal.data(
      `${found.kept} artifacts kept; ${found.doomed.length} objects ${found.ended === 'dry-run' ? 'would go' : 'removed'}, ${bytesText(bytes)}`,
    );
  return exit;
});

/** A log that cannot be read may name anything: then the error goes up, and nothing is removed. */
async function namedByRecords({ cache }: AtArtifacts): Promise<ReadonlyMap<Digest, string>> {
  const named = new Map<Digest, string>();
  for await (const { key, record, entry } of allRecords({ cache })) {
    if (entry.tombstoned === true && entry.pinned !== true) continue;
    const why = `the record of ${record.step} names it (${key.slice(0, 19)})`;
    for (const { artifact, marker } of record.outputs)
      for (const digest of [artifact, marker]) if (digest !== undefined) named.set(digest, why);
  }
  return named;
}

function ageOf(args: Args): number {
  const text = args.one('older-than') ?? '30d';
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new UsageError(`--older-than ${text}: a duration as in 12h or 30d`);
  return parsed.ms;
}

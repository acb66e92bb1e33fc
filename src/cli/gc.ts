import { dirname } from 'node:path';
import { type Collected, collect } from '../artifacts/collect.js';
import { type Littered, litterIn, removeLitter } from '../artifacts/litter.js';
import type { Doomed } from '../artifacts/survey.js';
import { parseDuration } from '../core/duration.js';
import { allRecords } from '../engine/all-records.js';
import { diskPathOf } from '../engine/place-id.js';
import { type Expired, expire, keepingOf } from '../engine/retain.js';
import { type AtArtifacts, findArtifact, onArtifacts } from './at-artifacts.js';
import { bytesText } from './bytes-text.js';
import { type Args, UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { printable } from './terminal.js';

export const gc = onArtifacts(async (at) => {
  const { args, blobs, cache, signal } = at;
  const graceMs = ageOf(args);
  const keep = await Promise.all(args.all('keep').map((text) => findArtifact(at, text)));
  const clock = await blobs.store.abilities.clock?.().catch(() => undefined);
  if (!blobs.store.traits.strongList)
    throw new UsageError(
      `${cache.uri} is on a store whose listings may lag behind: what somebody just wrote could be taken for rubbish`,
      'run gc on a machine where the folder is on a disk of its own',
    );
  const now = () => Date.now() + Math.round(clock?.offsetMs ?? 0);
  const dryRun = args.on('dry-run');
  const timed = { ...cache, now };
  const expired = await expire(timed, at.surroundings.config.retention, { now: now(), dryRun });
  const found = await collect(blobs, {
    async keeping() {
      const { kept, ...more } = await keepingOf(timed, { now: now(), graceMs });
      return { ...more, kept: new Map([...kept, ...keep.map((one) => [one, 'kept by --keep'] as const)]) };
    },
    graceMs,
    now,
    dryRun,
    signal,
  });
  const litter: Doomed[] = [];
  for await (const one of litterIn(await folders(at), { graceMs, now: Date.now })) {
    signal.throwIfAborted();
    litter.push(one);
    if (!dryRun) await removeLitter(one);
  }
  return tell(at, { ...found, expired, doomed: [...found.doomed, ...litter] });
});

/** Where processes of ours may have left something: the cache, and whatever records say that steps make. */
async function folders({ cache, cacheFolder, surroundings }: AtArtifacts): Promise<readonly Littered[]> {
  const found: Littered[] = cacheFolder === undefined ? [] : [{ path: cacheFolder, deep: true }];
  for await (const { record } of allRecords({ cache }))
    for (const { uri } of record.outputs) {
      const path = diskPathOf(uri, {
        stores: surroundings.config.stores,
        ...(cacheFolder !== undefined && { cacheFolder }),
      });
      if (path === undefined) continue;
      // A tree that is a mount of its own is built in itself.
      for (const folder of [dirname(path), path]) found.push({ path: folder, deep: false });
    }
  return found;
}

function tell({ args, terminal }: AtArtifacts, found: Collected & { readonly expired: readonly Expired[] }): Exit {
  const { ended, doomed, expired, kept } = found;
  const exit = ended === 'busy' ? EXIT.unsure : EXIT.good;
  if (args.on('json')) {
    terminal.json('gc', { exitCode: exit, ...found });
    return exit;
  }
  const would = ended === 'dry-run';
  for (const { key, step, attempt, rule } of expired)
    terminal.data(
      `${would ? 'would expire' : 'expired'}  ${printable(step)}  ${key.slice(0, 19)} attempt ${attempt}  ${rule}`,
    );
  for (const { key, size, why } of doomed)
    terminal.data(`${would ? 'would go' : 'gone    '}  ${bytesText(size).padStart(10)}  ${printable(key)}  ${why}`);
  if (expired.length > 0 && !would)
    terminal.note('expired records can be taken back by invalidate --undo until --older-than is over');
  if (ended === 'busy') terminal.complain('others are writing artifacts: none was removed', 'try again later');
  const bytes = doomed.reduce((sum, { size }) => sum + size, 0);
  terminal.data(
    `${kept} artifacts kept; ${doomed.length} objects ${would ? 'would go' : 'removed'}, ${bytesText(bytes)}`,
  );
  return exit;
}

function ageOf(args: Args): number {
  const text = args.one('older-than') ?? '30d';
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new UsageError(`--older-than ${text}: a duration as in 12h or 30d`);
  return parsed.ms;
}

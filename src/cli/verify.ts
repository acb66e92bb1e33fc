import { CHUNKS, PACKS } from '../artifacts/layout.js';
import { newTally } from '../artifacts/tally.js';
import { verify as verifyArtifacts } from '../artifacts/verify.js';
import type { Digest } from '../core/brand.js';
import { StoreError } from '../core/error.js';
import { onArtifacts } from './at-artifacts.js';
import { bytesText } from './bytes-text.js';
import { type Args, UsageError } from './command.js';
import { EXIT } from './exit.js';
import { mendAll } from './mend-all.js';
import { progress } from './progress.js';
import { printable } from './terminal.js';

export const verify = onArtifacts(async (at) => {
  const { args, terminal, blobs, signal } = at;
  const share = shareOf(args);
  const budgetBytes = sizeOf(args);
  const after = afterOf(args);
  const reads = args.on('full') || share !== undefined;
  if (!reads && (budgetBytes !== undefined || after !== undefined))
    throw new UsageError(
      `--${after === undefined ? 'budget' : 'after'} is about bytes, and none would be read`,
      'add --full, or --sample SHARE',
    );
  // "Nothing is broken" would be said of another place than the one that was meant.
  if (at.noCache)
    throw new StoreError(
      'store/no-bucket',
      `there is no cache at ${at.cacheName}`,
      { store: at.cacheName },
      { hint: 'name it by --cache, or go where the workflow is' },
    );
  const tally = newTally();
  const stop = progress({ terminal, tally, verb: 'verify', quiet: args.on('json') || args.on('quiet') });
  const found = await verifyArtifacts(blobs, {
    level: args.on('full') ? 'full' : share === undefined ? 'index' : 'sample',
    share,
    budgetBytes,
    after,
    signal,
    tally,
  }).finally(stop);
  const mended = args.on('mend') ? await mendAll(at, found.broken) : new Map<Digest, string>();
  const left = args.on('mend') ? { hint: 'no record says where it still lies: put it again' } : {};
  const broken = found.broken.flatMap((one) => (mended.has(one.digest) ? [] : [{ ...one, ...left }]));
  const wrong = broken.length > 0 || (found.bad.length > 0 && !args.on('mend'));
  const exit = wrong ? EXIT.failed : EXIT.good;
  if (args.on('json')) {
    const list = [...mended].map(([digest, step]) => ({ digest, step }));
    terminal.json('verify', { exitCode: exit, ...found, broken, ...(args.on('mend') && { mended: list }) });
    return exit;
  }
  const { paint } = terminal;
  for (const { digest, key, left } of found.bad)
    terminal.data(`${paint.bad('bad   ')}  ${digest}  in ${key}: ${left ? 'could not be put aside' : 'put aside'}`);
  for (const [digest, step] of mended)
    terminal.data(`${paint.good('mended')}  ${digest}  from where ${printable(step)} left it`);
  for (const { digest, why, hint } of broken)
    terminal.data(`${paint.bad('broken')}  ${digest}  ${why}${hint === undefined ? '' : `; ${hint}`}`);
  const read =
    found.checkedObjects > 0 ? `, ${found.checkedObjects} objects read (${bytesText(found.checkedBytes)})` : '';
  terminal.data(`${found.artifacts} artifacts, ${broken.length} broken${read}`);
  if (found.next !== undefined) terminal.note(`the budget is used up; the next call goes on after ${found.next}`);
  return exit;
});

function shareOf(args: Args): number | undefined {
  const text = args.one('sample');
  if (text === undefined) return undefined;
  if (args.on('full')) throw new UsageError('--sample and --full exclude each other');
  const share = Number(text);
  if (!(share > 0 && share <= 1)) throw new UsageError(`--sample ${text}: a share above 0, up to 1`);
  return share;
}

function afterOf(args: Args): string | undefined {
  const key = args.one('after');
  if (key === undefined || key.startsWith(CHUNKS) || key.startsWith(PACKS)) return key;
  throw new UsageError(`--after ${key}: no object of the store begins so`, `as the last call said it: ${CHUNKS}...`);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

function sizeOf(args: Args): number | undefined {
  const text = args.one('budget');
  if (text === undefined) return undefined;
  const [, number, unit] = /^([1-9][0-9]{0,9})(|KiB|MiB|GiB|TiB)$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--budget ${text}: a size as in 500MiB or 100GiB`);
  return Number(number) * UNITS[unit!]!;
}

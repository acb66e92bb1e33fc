import { isStoreError } from '../core/error.js';
import { formatLocation } from '../core/location.js';
import type { Part } from '../core/parts.js';
import type { Asked, Engine, Executed } from './engine.js';
import { type Claim, claim, empty, type OwnOutput, partsAt, removeOld } from './places.js';
import type { Seen, Subject } from './situation.js';

/** By output name; undefined where nobody can tell. */
export type Listed = ReadonlyMap<string, readonly Part[] | undefined>;

export interface Tried {
  readonly ended: Executed;
  readonly tries: number;
  /** What lay there before the last try. */
  readonly before: Listed;
  /** Outputs whose old marker could not be removed. */
  readonly stuck: ReadonlySet<string>;
}

export interface Trying {
  readonly owns: readonly OwnOutput[];
  readonly mine: Claim;
  readonly leased: boolean;
  readonly key: Seen['key'];
  readonly warn: (warning: string) => void;
}

const RETRY_BASE_MS = 1000;
const RETRY_CAP_MS = 60_000;

/** Starts the command until it ends well or its retries are used up. Each try finds its places prepared anew. */
export async function tryUntilWell(
  engine: Engine,
  subject: Subject,
  asked: Asked,
  { key, ...trying }: Trying,
): Promise<Tried> {
  const { workflow, instance } = subject;
  const { owns, mine, warn } = trying;
  let last: Tried | undefined;
  for (let tries = 1; ; tries++) {
    let stuck: ReadonlySet<string>;
    let before: Listed;
    try {
      stuck = await prepare(engine, trying);
      before = await listAll(engine, subject, owns, mine.key);
    } catch (error) {
      if (!last || !isStoreError(error)) throw error;
      warn(`it is not tried again: ${error.message}`);
      return last;
    }
    if (!last) warnOfParts(owns, before, warn);
    engine.events({ type: 'step-begun', step: instance.name, attempt: mine.attempt, try: tries });
    const { run, signal } = asked;
    const ended = await engine.execute({ workflow, instance, what: 'run', key, run, signal });
    last = { ended, tries, before, stuck };
    if (ended.unlogged !== undefined) warn(`its log is lost: ${ended.unlogged}`);
    if (ended.exitCode === 0 || tries > instance.step.retries || signal?.aborted) return last;
    const pause = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (tries - 1));
    const why = ended.why ?? `exit code ${ended.exitCode}`;
    warn(`try ${tries} ended with ${why}; again in ${Math.round(pause / 1000)} s`);
    await engine.sleep(pause, signal);
    if (signal?.aborted) return last;
  }
}

/** What an earlier run or try left must not vouch for this one. Names outputs whose marker must stay. */
async function prepare(
  engine: Engine,
  { owns, mine, leased, warn }: Omit<Trying, 'key'>,
): Promise<ReadonlySet<string>> {
  const stuck = new Set<string>();
  for (const own of owns) {
    if (own.output.mode === 'replace') await empty(engine, own);
    else if (__SABOTAGE__ === 'claim-unwritten' && own.marker?.by === 'stepaside') continue;
    else if (own.marker?.by === 'stepaside') await claim(engine, own.marker.location, mine);
    else if (__SABOTAGE__ === 'old-marker-kept') continue;
    // Without a lease no log is ahead of the old marker: where it must stay, nothing runs.
    else if (own.marker && !(await removeOld(engine, own.marker.location, leased))) {
      stuck.add(own.output.name);
      warn(`the old marker ${formatLocation(own.marker.location)} cannot be removed: it proves nothing from now on`);
    }
  }
  return stuck;
}

function warnOfParts(owns: readonly OwnOutput[], before: Listed, warn: Trying['warn']): void {
  for (const { output } of owns) {
    const count = before.get(output.name)?.length ?? 0;
    // One file is simply written anew.
    if (count === 0 || output.mode !== undefined || !output.path?.endsWith('/')) continue;
    warn(
      `${output.path} holds ${count} part${count === 1 ? '' : 's'} already: what this run leaves as it is makes it unrecorded. Say mode: replace (emptied first) or mode: merge (they belong to it)`,
    );
  }
}

async function listAll(engine: Engine, subject: Subject, owns: readonly OwnOutput[], key: string): Promise<Listed> {
  const lists = await Promise.all(owns.map(({ output }) => partsAt(engine, subject, output, key)));
  return new Map(owns.map(({ output }, index) => [output.name, lists[index]]));
}

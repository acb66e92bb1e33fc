import { randomBytes } from 'node:crypto';
import { isStoreError, type StoreError } from '../core/error.js';
import { forward } from './forward.js';
import { checkClock, checkListing, checkOverwrite, checkRace, checkReadBack, checkSequence } from './probe-checks.js';
import type { Store } from './store.js';
import { joinKey } from './store-key.js';

interface ProbeOptions {
  /** Empty or ending in `/`. Everything the probe writes lies below it, under a fresh random name. */
  readonly prefix: string;
  readonly rounds?: number;
  /** Writers that race for one key. */
  readonly width?: number;
  readonly now?: () => number;
  readonly random?: () => number;
}

export type Check = 'read-back' | 'sequence' | 'race' | 'overwrite' | 'list' | 'clock' | 'cleanup';

export interface Finding {
  readonly check: Check;
  /** `undecided`: no answer that settles it, which is never taken for a pass. */
  readonly outcome: 'passed' | 'failed' | 'undecided';
  readonly because: string;
}

type Right = 'yes' | 'denied' | 'unknown';

/**
 * What a store showed when it was tried. A probe can only disprove: a store that lost no race in 160 tries may lose the
 * next, and one behind several servers may have shown the same one each time. So `yes` means "nothing speaks against
 * it", and stands beside what is known of that kind of server.
 */
export interface ProbeReport {
  readonly store: string;
  readonly prefix: string;
  /** By our clock, milliseconds since 1970. */
  readonly probedAt: number;
  readonly exclusiveCreate: 'yes' | 'no';
  readonly strongList: boolean;
  /** What is written is what is read. Where it is not, nothing of ours may be kept there. */
  readonly faithful: boolean;
  readonly rights: { readonly write: Right; readonly read: Right; readonly list: Right; readonly remove: Right };
  /** The store's clock minus ours, as far as can be told. */
  readonly clock?: { readonly offsetMs: number; readonly uncertaintyMs: number };
  readonly findings: readonly Finding[];
}

export interface Trial {
  readonly store: Store;
  readonly rounds: number;
  readonly width: number;
  readonly now: () => number;
  /** A fresh key of the trial's own, to be cleaned up. */
  key(name: string): string;
  /** Below this lies everything the trial writes. */
  readonly folder: string;
  /** Bytes that no other call gave. */
  body(label: string): Uint8Array;
  clock(offsetMs: number, uncertaintyMs: number): void;
}

const CHECKS: readonly (readonly [Check, (trial: Trial) => Promise<Omit<Finding, 'check'>>])[] = [
  ['read-back', checkReadBack],
  ['sequence', checkSequence],
  ['race', checkRace],
  ['overwrite', checkOverwrite],
  ['list', checkListing],
  ['clock', checkClock],
];

/** Tries what a store claims. Throws only where no probe was possible at all: a bad prefix, a missing bucket, a closed store. */
export async function probeStore(store: Store, options: ProbeOptions): Promise<ProbeReport> {
  const { rounds = 10, width = 16, now = Date.now, random = secureRandom } = options;
  if (options.prefix !== '' && !options.prefix.endsWith('/')) joinKey(options.prefix, '');
  const fresh = () =>
    Math.floor(random() * 2 ** 48)
      .toString(16)
      .padStart(12, '0');
  const folder = `${options.prefix}probe-${fresh()}/`;
  const keys = new Set<string>();
  let clock: ProbeReport['clock'];
  const trial: Trial = {
    store,
    rounds,
    width,
    now,
    folder,
    key(name) {
      const key = joinKey(...folder.split('/').slice(0, -1), `${name}-${fresh()}`);
      keys.add(key);
      return key;
    },
    body: (label) => new TextEncoder().encode(`${label} ${fresh()}${fresh()}`),
    clock(offsetMs, uncertaintyMs) {
      clock = { offsetMs, uncertaintyMs };
    },
  };

  const probedAt = now();
  const findings: Finding[] = [];
  const rights: Record<keyof ProbeReport['rights'], Right> = {
    write: 'unknown',
    read: 'unknown',
    list: 'unknown',
    remove: 'unknown',
  };
  try {
    await findRights(trial, rights);
    for (const [check, run] of rights.write === 'denied' ? [] : CHECKS)
      findings.push({ check, ...(await tried(run, trial)) });
    if (rights.write === 'denied')
      findings.push({ check: 'sequence', outcome: 'undecided', because: 'we may not write below the prefix' });
  } finally {
    const left = await cleanUp(store, keys);
    if (left > 0)
      findings.push({ check: 'cleanup', outcome: 'failed', because: `${left} keys are left below ${folder}` });
  }
  const passed = (...checks: readonly Check[]) =>
    checks.every((check) => findings.find((finding) => finding.check === check)?.outcome === 'passed');
  return {
    store: store.name,
    prefix: options.prefix,
    probedAt,
    exclusiveCreate: passed('read-back', 'sequence', 'race') ? 'yes' : 'no',
    strongList: passed('list'),
    faithful: passed('read-back', 'overwrite'),
    rights,
    ...(clock !== undefined && { clock }),
    findings,
  };
}

/** The store with the traits that it showed. A listing that its driver does not vouch for stays weak. */
export function withProbe(store: Store, report: ProbeReport): Store {
  return Object.defineProperty(forward(store, {}), 'traits', {
    enumerable: true,
    get: () => ({
      ...store.traits,
      exclusiveCreate: report.exclusiveCreate,
      strongList: store.traits.strongList && report.strongList,
    }),
  });
}

async function findRights(trial: Trial, rights: Record<keyof ProbeReport['rights'], Right>): Promise<void> {
  const { store } = trial;
  const key = trial.key('rights');
  rights.write = await right(() => store.write(key, trial.body('rights')));
  rights.read = await right(() => store.read(key).then((found) => drain(found?.body)));
  rights.list = await right(() => drain(store.list(trial.folder)));
  rights.remove = rights.write === 'yes' ? await right(() => store.remove(key)) : 'unknown';
}

async function right(call: () => Promise<unknown>): Promise<Right> {
  try {
    await call();
    return 'yes';
  } catch (error) {
    if (!isStoreError(error) || isHopeless(error)) throw error;
    return error.code === 'store/denied' ? 'denied' : 'unknown';
  }
}

async function tried(
  run: (trial: Trial) => Promise<Omit<Finding, 'check'>>,
  trial: Trial,
): Promise<Omit<Finding, 'check'>> {
  try {
    return await run(trial);
  } catch (error) {
    if (!isStoreError(error) || isHopeless(error)) throw error;
    return { outcome: error.code === 'store/unsupported' ? 'failed' : 'undecided', because: error.message };
  }
}

function isHopeless({ code }: StoreError): boolean {
  return code === 'store/closed' || code === 'store/no-bucket' || code === 'store/no-credentials';
}

/** What is left over is told, not thrown: the findings are worth more. Once more each, since a lost race can still arrive. */
async function cleanUp(store: Store, keys: ReadonlySet<string>): Promise<number> {
  let left = 0;
  for (const key of keys) {
    await store
      .remove(key)
      .catch(() => store.remove(key))
      .catch(() => {
        left += 1;
      });
  }
  return left;
}

async function drain(items: AsyncIterable<unknown> | undefined): Promise<void> {
  for await (const _ of items ?? []);
}

function secureRandom(): number {
  return randomBytes(6).readUIntBE(0, 6) / 2 ** 48;
}

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fsStore } from '../../src/drivers/fs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { limited } from '../../src/store/limit.js';
import { observed, StoreCounts } from '../../src/store/observe.js';
import { prefixed } from '../../src/store/prefix.js';
import { retrying } from '../../src/store/retry.js';
import { settling } from '../../src/store/settle.js';
import type { Store } from '../../src/store/store.js';
import { type Made, storeSuite } from './store-suite.js';

/** One memory; the store under test and its peer are two wrappings of it. */
function over(wrap: (inner: Store) => Store): () => Promise<Made> {
  return async () => {
    const inner = memoryStore({ name: `memory-${randomBytes(3).toString('hex')}` });
    return { store: wrap(inner), peer: wrap(inner), cleanup: () => inner.close() };
  };
}

function inFolder(parent: string, wrap: (inner: Store) => Store = (inner) => inner): () => Promise<Made> {
  return async () => {
    const root = await mkdtemp(join(parent, 'stepaside-conformance-'));
    return {
      store: wrap(fsStore({ root })),
      peer: wrap(fsStore({ root })),
      cleanup: () => rm(root, { recursive: true, force: true }),
    };
  };
}

storeSuite({ name: `fs in ${tmpdir()}`, make: inFolder(tmpdir()) });
// Where there is a tmpfs: another file system, with its own view of times and links.
if (existsSync('/dev/shm')) storeSuite({ name: 'fs in /dev/shm', make: inFolder('/dev/shm') });
storeSuite({
  name: 'the whole stack over fs',
  make: inFolder(tmpdir(), (inner) =>
    prefixed(settling(retrying(limited(inner, { concurrency: 64 }))), 'some/folder/'),
  ),
});
storeSuite({ name: 'memory', make: over((inner) => inner) });
storeSuite({ name: 'retrying over memory', make: over((inner) => retrying(inner)) });
storeSuite({ name: 'settling over memory', make: over((inner) => settling(inner)) });
storeSuite({ name: 'limited over memory', make: over((inner) => limited(inner, { concurrency: 3 })) });
storeSuite({ name: 'prefixed over memory', make: over((inner) => prefixed(inner, 'some/folder/')) });
storeSuite({ name: 'observed over memory', make: over((inner) => observed(inner, { counts: new StoreCounts() })) });
storeSuite({
  name: 'the whole stack over memory',
  make: over((inner) =>
    prefixed(
      observed(settling(retrying(limited(inner, { concurrency: 8 }))), { counts: new StoreCounts() }),
      'some/folder/',
    ),
  ),
});

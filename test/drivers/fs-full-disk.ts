/** Runs in a mount namespace of its own, so that no mount outlives it. Told: a folder. Says what a small disk answered. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { isStoreError } from '../../src/core/error.js';
import { fsStore } from '../../src/drivers/fs.js';

const [root = ''] = process.argv.slice(2);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', root]);
const store = fsStore({ root, mount: true });
const outcomes: unknown[] = [];
async function tell(call: Promise<unknown>): Promise<void> {
  const outcome = await call.catch((error: unknown) => (isStoreError(error) ? error : Promise.reject(error)));
  outcomes.push(isStoreError(outcome) ? `${outcome.code} ${outcome.facts.status} ${outcome.facts.retryable}` : outcome);
  outcomes.push(readdirSync(root).sort().join());
}
const write = (key: string, size: number, ifAbsent: boolean) => store.write(key, new Uint8Array(size), { ifAbsent });
await tell(write('small', 1, false));
await tell(write('big', 1_000_000, false));
await tell(write('big', 1_000_000, true));
await tell(write('fits', 100_000, true));
execFileSync('mount', ['-o', 'remount,ro', root]);
await tell(write('more', 1, false));
await tell(write('more', 1, true));
await tell(store.remove('small'));
process.stdout.write(JSON.stringify(outcomes));

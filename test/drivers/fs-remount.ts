/** Runs in a mount namespace of its own. Told: a folder to mount on, and one to bind. Says what was answered before, without and after the mount. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isStoreError } from '../../src/core/error.js';
import { fsStore } from '../../src/drivers/fs.js';
import type { Store } from '../../src/store/store.js';

const [root = '', source = ''] = process.argv.slice(2);
const outcomes: Record<string, unknown> = {};

async function tell(call: Promise<unknown>, word: string): Promise<string> {
  try {
    return (await call) === undefined ? 'absent' : word;
  } catch (error) {
    if (isStoreError(error)) return `${error.code} ${error.facts.retryable}`;
    throw error;
  }
}

async function list(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

async function play(kind: string, mount: () => void): Promise<void> {
  const at = join(root, kind);
  mkdirSync(at);
  mount();
  writeFileSync(join(at, 'kept'), 'x');
  const store = fsStore({ root: at, mount: true });
  const mounted = [
    await tell(store.head('none'), 'kept'),
    await tell(store.head('kept'), 'kept'),
    await tell(store.write('new', new Uint8Array(1)), 'written'),
  ];
  execFileSync('umount', [at]);
  const unmounted = [
    await tell(store.head('kept'), 'kept'),
    await tell(list(store), 'listed'),
    await tell(store.write('new', new Uint8Array(1), { ifAbsent: true }), 'written'),
    await tell(store.abilities.folders!.folders(''), 'folders'),
  ];
  writeFileSync(join(at, 'below'), 'x');
  const below = [await tell(store.head('below'), 'below'), await tell(store.read('below'), 'below')];
  mount();
  const anew = [
    await tell(store.head('none'), 'kept'),
    await tell(store.head('none'), 'kept'),
    await tell(store.write('new', new Uint8Array(1)), 'written'),
  ];
  outcomes[kind] = { mounted, unmounted, below, anew };
}

const mountTmpfs = () => execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(root, 'tmpfs')]);
await play('tmpfs', mountTmpfs);
mkdirSync(join(source, 'first'));
mkdirSync(join(source, 'second'));
let times = 0;
await play('bind', () => {
  execFileSync('mount', ['--bind', join(source, times++ === 0 ? 'first' : 'second'), join(root, 'bind')]);
});
process.stdout.write(JSON.stringify(outcomes));

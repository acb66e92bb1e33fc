import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EMPTY_LOG, type Holder } from '../../src/core/slot.js';
import { fsStore } from '../../src/drivers/fs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { beatOnce } from '../../src/engine/beat.js';
import { Lease } from '../../src/engine/lease.js';
import { SlotLog } from '../../src/engine/log.js';
import { Watch } from '../../src/engine/watch.js';
import { surelyDead, thisProcess } from '../../src/holder.js';
import { folderWith, startStepaside, stepaside } from '../rig/cli.js';
import { scripted, storeError } from '../store/fakes.js';
import { cacheOn, holder } from './rig.js';

const self = holder('self');
const TTL = 60_000;

function watching(store = memoryStore()) {
  let now = 0;
  const cache = cacheOn(store);
  const watch = new Watch(cache, { self, ttlMs: TTL, monotonic: () => now });
  const log = new SlotLog(cache, 'v1/keys/k');
  return {
    cache,
    isHeld: (by: Holder) =>
      watch.isHeld({
        log,
        view: { ...EMPTY_LOG, n: 1, held: { attempt: 1, at: 0, by }, last: { state: 'open', attempt: 1 } },
      }),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('a lease of our own', () => {
  it('is held as long as we use it, and nobody waits for one that could not be given back', async () => {
    const memory = memoryStore();
    const { store } = scripted(memory, (verb, name) =>
      verb === 'write' && name.endsWith('2') ? storeError('store/unavailable') : undefined,
    );
    const cache = cacheOn(store);
    const watch = new Watch(cache, { self, ttlMs: TTL, monotonic: () => 0 });
    const log = new SlotLog(cache, 'v1/keys/k');
    const read = async () => ({ log, view: await log.read() });
    const lease = (await Lease.take([await read()], self))!;
    expect(await watch.isHeld(await read())).toBe(true);
    // Somebody else in this process was not fast enough.
    expect(await Lease.take([{ log, view: { ...EMPTY_LOG, n: 0 } }], self)).toBeUndefined();
    expect(await watch.isHeld(await read())).toBe(true);
    await expect(lease.release({ untouched: false })).rejects.toThrow('unavailable');
    expect((await read()).view.held?.by.beat).toBe(self.beat);
    expect(await watch.isHeld(await read())).toBe(false);
  });
});

describe('a watch over somebody of another machine', () => {
  const far = holder('far');

  it('free is free', async () => {
    const watch = new Watch(cacheOn(), { self, ttlMs: TTL, monotonic: () => 0 });
    const log = new SlotLog(cacheOn(), 'v1/keys/k');
    expect(await watch.isHeld({ log, view: { ...EMPTY_LOG, n: 0 } })).toBe(false);
  });

  it('holds him for alive as long as his heart is seen to change, whatever his clock says', async () => {
    const { cache, isHeld, pass } = watching();
    for (let count = 0; count < 10; count++) {
      await beatOnce(cache, far.beat, count);
      expect(await isHeld(far)).toBe(true);
      pass(TTL - 1);
      expect(await isHeld(far)).toBe(true);
    }
  });

  it('takes him for dead when this waiter saw no change for the ttl, no sooner, and alive again when it changes', async () => {
    const { cache, isHeld, pass } = watching();
    await beatOnce(cache, far.beat, 0);
    // Before anybody looked no time has passed, however long he may be silent already.
    pass(10 * TTL);
    expect(await isHeld(far)).toBe(true);
    pass(TTL - 1);
    expect(await isHeld(far)).toBe(true);
    pass(1);
    expect(await isHeld(far)).toBe(false);
    await beatOnce(cache, far.beat, 1);
    expect(await isHeld(far)).toBe(true);
  });

  it('a heart that never beat, and one that is gone, is waited for as long', async () => {
    const { cache, isHeld, pass } = watching();
    expect(await isHeld(far)).toBe(true);
    pass(TTL);
    expect(await isHeld(far)).toBe(false);
    const near = holder('near');
    await beatOnce(cache, near.beat, 0);
    expect(await isHeld(near)).toBe(true);
    await cache.store.remove(`v1/beats/${near.beat}`);
    pass(TTL);
    expect(await isHeld(near)).toBe(true);
    pass(TTL);
    expect(await isHeld(near)).toBe(false);
  });

  it('a heart that cannot be looked at says nothing: the doubt is told, and counts as no silence', async () => {
    let dark = false;
    const { store } = scripted(memoryStore(), () => (dark ? storeError('store/unavailable') : undefined));
    const { cache, isHeld, pass } = watching(store);
    await beatOnce(cache, far.beat, 0);
    expect(await isHeld(far)).toBe(true);
    dark = true;
    pass(10);
    await expect(isHeld(far)).rejects.toThrow('unavailable');
    dark = false;
    expect(await isHeld(far)).toBe(true);
  });
});

describe('somebody of this boot', () => {
  const me = thisProcess();

  it('is surely dead if his number is free or another’s, and only if all else is ours', () => {
    expect(surelyDead(me, me)).toBe(false);
    expect(surelyDead({ ...me, started: '1' }, me)).toBe(true);
    expect(surelyDead({ ...me, pid: 2 ** 22 + 1 }, me)).toBe(true);
    const gone = { ...me, pid: 2 ** 22 + 1 };
    for (const facts of [{ boot: 'x' }, { pidns: 'x' }, { host: 'x' }, { boot: '?' }, { started: '?' }, { pidns: '?' }])
      expect(surelyDead({ ...gone, ...facts }, me), JSON.stringify(facts)).toBe(false);
    // Where we ourselves cannot tell who we are, nobody is like us.
    expect(surelyDead({ ...gone, boot: '?' }, { ...me, boot: '?' })).toBe(false);
  });

  const SLOW = `name: w
steps:
  - name: s
    run: touch begun-$$; if [ -e once ]; then echo x > out; else touch once; exec sleep 20; fi
    outputs: [{ path: out, atomic: true }]
`;

  /** The holder of the only log of a kind. */
  async function heldIn(folder: string) {
    const cache = cacheOn(fsStore({ root: join(folder, '.stepaside') }));
    const [name] = readdirSync(join(folder, '.stepaside/v1/keys'), { recursive: true, encoding: 'utf8' }).filter(
      (path) => /blake3-[0-9a-f]{64}$/.test(path),
    );
    const log = new SlotLog(cache, `v1/keys/${name}`);
    return { cache, read: { log, view: await log.read() } };
  }

  it('a real process that was killed with a lease: seen at once, and the next run takes over without waiting', async () => {
    const folder = folderWith({ 'stepaside.yaml': SLOW });
    const { child, ended } = startStepaside(['run'], { cwd: folder });
    while (!readdirSync(folder).some((name) => name.startsWith('begun'))) await wait(20);
    const { cache, read } = await heldIn(folder);
    expect(read.view.held?.by).toMatchObject({ pid: child.pid, boot: me.boot });
    const watch = new Watch(cache, { self: me, ttlMs: TTL, monotonic: () => performance.now() });
    expect(await watch.isHeld(read)).toBe(true);
    // One who may not wait is refused, and changes nothing.
    const busy = await stepaside(['run', '--wait', '0'], { cwd: folder });
    expect([busy.code, busy.stderr]).toEqual([3, expect.stringMatching(/busy/)]);
    child.kill('SIGKILL');
    await ended;
    expect(await watch.isHeld(read)).toBe(false);
    const begun = performance.now();
    const next = await stepaside(['run'], { cwd: folder });
    expect(next.code, next.stderr).toBe(0);
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(existsSync(join(folder, 'out'))).toBe(true);
    const after = (await heldIn(folder)).read.view;
    expect(after).toMatchObject({ last: { state: 'committed', attempt: 2 }, records: [{ attempt: 2 }] });
    expect(after.held).toBeUndefined();
  });

  it('a real process that is stopped is waited for until its heart was silent for the ttl, and then commits nothing', async () => {
    const folder = folderWith({
      'stepaside.yaml': SLOW.replace('exec sleep 20', 'while [ ! -e go ]; do sleep 0.05; done; echo late > out'),
    });
    const env = { STEPASIDE_TTL_MS: '800', STEPASIDE_HEARTBEAT_MS: '100' };
    const first = startStepaside(['run'], { cwd: folder, env });
    while (!readdirSync(folder).some((name) => name.startsWith('begun'))) await wait(20);
    first.child.kill('SIGSTOP');
    const next = await stepaside(['run'], { cwd: folder, env });
    expect(next.code, next.stderr).toBe(0);
    expect(next.stderr).toMatch(/^wait .*process \d+ on/m);
    const { view } = (await heldIn(folder)).read;
    expect(view).toMatchObject({ last: { state: 'committed', attempt: 2 } });
    first.child.kill('SIGCONT');
    await stepaside(['run', '-q'], { cwd: folder, env });
    // It goes on as if nothing had happened, and is told that its lease is gone.
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(folder, 'go'), '');
    const late = await first.ended;
    expect(late.stderr).toMatch(/not recorded: (lease-lost|changed-after)/);
    expect((await heldIn(folder)).read.view).toMatchObject({ records: [{ attempt: 2 }] });
  });
});

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { entriesOf, readArtifact } from '../../../src/artifacts/artifact.js';
import { Blobs } from '../../../src/artifacts/blobs.js';
import { collect } from '../../../src/artifacts/collect.js';
import { put } from '../../../src/artifacts/put.js';
import { TreeListWriter } from '../../../src/artifacts/tree-list.js';
import type { Digest } from '../../../src/core/brand.js';
import { IntegrityError } from '../../../src/core/error.js';
import { fsStore } from '../../../src/drivers/fs.js';
import { blake3 } from '../../../src/hash.js';
import { bytesFrom, intBelow, randomFrom } from '../../conformance/random.js';

/**
 * A process of F12, killed by its parent whenever that likes: `writers` put trees, say so in records, read what records
 * name and take records back; `sweeper` sweeps. Each act that has ended is a line.
 */
const [role = '', folder = '', seed = '1'] = process.argv.slice(2);
const random = randomFrom(Number(seed));
const records = join(folder, 'records');
const leases = join(folder, 'leases');
const hash = blake3();
const open = () => Blobs.open(fsStore({ root: join(folder, 'cache') }), hash);

const WRITERS = 10;
/** Longer than kernels' clocks tick, and else as short as can be: nothing else may hide a mistake. */
const GRACE_MS = 50;
const TICK_MS = 20;
const KEPT_RECORDS = 25;
/** Three of them are chunks. */
const PIECES = Array.from({ length: 40 }, (_, i) =>
  Buffer.alloc(i < 37 ? 50 + i * 40 : 2 ** 20 + 1 + i, `piece ${i} `),
);

for (const path of [records, leases]) mkdirSync(path, { recursive: true });
if (role === 'sweeper') await sweep();
else await Promise.all(Array.from({ length: WRITERS }, (_, i) => write(`${process.pid}-${i}`)));

async function write(name: string): Promise<void> {
  let blobs = await open();
  for (let n = 0; ; n++) {
    // An index that was read long ago, or just now.
    if (random() < 0.2) blobs = await open();
    const dice = random();
    const known = readdirSync(records);
    const one = known[intBelow(random, known.length)];
    if (dice < 0.3 && one !== undefined) await read(blobs, one);
    else if (one !== undefined && known.length > 2 * KEPT_RECORDS * random())
      rmSync(join(records, one), { force: true });
    else await make(blobs, `${name}-${n}`);
    process.stdout.write('act\n');
  }
}

/** Some are wanted now and others later, so that what is dead is wanted again. */
function piece(): Buffer {
  const season = Math.floor(Date.now() / 400) % 8;
  return PIECES[random() < 0.1 ? intBelow(random, PIECES.length) : season * 5 + intBelow(random, 5)]!;
}

/** As a run does: under a lease, the artifact, then the record, then the lease is given back. */
async function make(blobs: Blobs, id: string): Promise<void> {
  const lease = join(leases, id);
  writeFileSync(lease, `${Date.now() - TICK_MS}`);
  const { digest } = await put(blobs, {}, async (context) => {
    const list = new TreeListWriter((page) => context.blobs.put(page));
    for (let i = 0, count = 1 + intBelow(random, 4); i < count; i++) {
      const bytes = random() < 0.1 ? bytesFrom(random, 300) : piece();
      const content = { size: bytes.byteLength, digest: await context.blobs.put(bytes) };
      if (list.add({ kind: 'file', path: `${i}`, mode: 0o644, content })) await list.turn();
      // Some have much to read.
      if (random() < 0.1) await wait(random() * 300);
    }
    return list.done();
  });
  writeFileSync(join(leases, `${id}.new`), digest);
  renameSync(join(leases, `${id}.new`), join(records, id));
  rmSync(lease, { force: true });
}

async function read(blobs: Blobs, id: string): Promise<void> {
  const digest = named(id);
  if (digest === undefined) return;
  try {
    for await (const entries of entriesOf(blobs, await readArtifact(blobs, digest))) {
      const wanted = new Map<Digest, { digest: Digest; size: number }>();
      for (const one of entries) if (one.kind === 'file') wanted.set(one.content.digest, one.content);
      await blobs.readMany([...wanted.values()], () => undefined);
    }
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    // Whoever took it back meanwhile may have had it swept, too.
    if (named(id) !== undefined) process.stdout.write(`dangling ${id} ${error.message}\n`);
  }
}

function named(id: string): Digest | undefined {
  try {
    return readFileSync(join(records, id), 'utf8') as Digest;
  } catch {
    return undefined;
  }
}

/** When its holder began; nothing where he is dead, or has just given it back. */
function leaseAt(id: string): readonly number[] {
  if (id.endsWith('.new') || !existsSync(`/proc/${id.split('-')[0]}`)) return [];
  try {
    return [Number(readFileSync(join(leases, id), 'utf8'))];
  } catch {
    return [];
  }
}

async function sweep(): Promise<void> {
  for (;;) {
    const done = await collect(await open(), {
      graceMs: GRACE_MS,
      now: Date.now,
      waitMs: 3000,
      // Leases first: who has given his back since has left a record.
      async keeping() {
        process.stdout.write('sweeping\n');
        const begun = readdirSync(leases).flatMap(leaseAt);
        const kept = new Map(
          readdirSync(records).flatMap((id) => {
            const digest = named(id);
            return digest === undefined ? [] : [[digest, 'a record names it'] as const];
          }),
        );
        return { kept, since: begun.length === 0 ? undefined : Math.min(...begun) };
      },
    });
    process.stdout.write(`swept ${done.ended} ${done.doomed.length}\n`);
    await wait(random() * 100);
  }
}

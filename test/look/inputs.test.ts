import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fsStore } from '../../src/drivers/fs.js';
import { blake3 } from '../../src/hash.js';
import { hashParts } from '../../src/look/inputs.js';
import { partOf } from '../../src/look/look.js';
import type { Place } from '../../src/look/places.js';
import { folderWith } from '../rig/cli.js';

/** A file on a disk, listed; what happens to it before it is read and while it is. */
async function hashed({ before, during }: { before?: (path: string) => void; during?: (path: string) => void }) {
  const folder = folderWith({ 'out/part': 'first words' });
  const path = join(folder, 'out/part');
  const inner = fsStore({ root: folder });
  const store: Place['store'] = {
    ...inner,
    async read(key, options) {
      const found = await inner.read(key, options);
      return (
        found && {
          head: found.head,
          body: (async function* () {
            yield* found.body;
            during?.(path);
          })(),
        }
      );
    },
  };
  const part = partOf((await store.head('out/part'))!, 'part');
  before?.(path);
  const place: Place = { store, key: 'out/', uri: 'out/' };
  const hash = blake3();
  const [one] = await hashParts(place, [part], hash, () => true);
  return one!.digest === hash.digest(new TextEncoder().encode('first words'));
}

describe('the digest of a part', () => {
  it('is that of its bytes', async () => {
    expect(await hashed({})).toBe(true);
  });

  it('is never that of bytes which came after it was listed, nor while it was read', async () => {
    const write = (path: string) => writeFileSync(path, 'other words');
    await expect(hashed({ before: write })).rejects.toThrow(/changed while it was read/);
    await expect(hashed({ during: write })).rejects.toThrow(/changed while it was read/);
  });
});

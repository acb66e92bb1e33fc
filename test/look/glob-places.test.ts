import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import { parseLocation } from '../../src/core/location.js';
import { fsStore } from '../../src/drivers/fs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { gathering } from '../../src/look/gather.js';
import { look } from '../../src/look/look.js';
import type { Store } from '../../src/store/store.js';
import { plant } from '../drivers/fs-rig.js';
import { sdkMakeBucket } from '../rig/sdk.js';
import { bytes } from '../store/fakes.js';

const MANY = 1_000_000;

/** All that a pattern means below `lake/` of a store. */
async function matchesIn(store: Store, pattern: string): Promise<readonly string[]> {
  const places = gathering({ at: () => ({ store, key: 'lake/', uri: 's3://bucket/lake/' }) });
  const glob = { pattern, min: MANY };
  const seen = await look(places, { location: parseLocation('s3://bucket/lake/'), ask: 'presence', glob });
  expect(seen.doubt).toBeUndefined();
  return seen.parts!.map(({ path }) => path).sort();
}

// fast-glob's own matcher. What fast-glob finds on a disk is not always that: of `a?/*` it finds nothing at all.
const micromatch = createRequire(createRequire(import.meta.url).resolve('fast-glob'))('micromatch') as {
  isMatch(name: string, pattern: string, options: object): boolean;
};

/** Here `**` at an end means what lies in a folder, and two of them side by side are one. */
function meaning(pattern: string, names: readonly string[]): readonly string[] {
  const one = pattern.replace(/(\*\*\/)+(?=\*\*(\/|$))/g, '').replace(/(^|\/)\*\*$/, '$1**/*');
  const paths = names.map((name) => name.slice('lake/'.length));
  return paths.filter((path) => micromatch.isMatch(path, one, { dot: false, noextglob: true, posix: true })).sort();
}

const segment = fc
  .array(fc.constantFrom('a', 'b', 'ä', '-', '=', '0'), { minLength: 1, maxLength: 3 })
  .map((chars) => chars.join(''));
const tree = fc.array(
  fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  { minLength: 1, maxLength: 15 },
);
const piece = fc.constantFrom('a', 'b', 'ä', '*', '?', '[ab]', '[!a]', '[a-ä]', '-', '=', '{a,b*}', '{a,}');
const pattern = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')) },
      { weight: 1, arbitrary: fc.constant('**') },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((segments) => segments.join('/'))
  // A character beyond U+FFFF is one here and two there, and a dot is matched by `[!a]` there alone. Two stars beside other characters: there fast-glob differs with itself, as it does with `a/**/{a,}*` and the file `a`. A pattern that can be empty is none.
  .filter((text) => !/\*\*[^/]|[^/]\*\*|\*\{|\*\}\*|\{a,\}\*|(^|\/)\{a,\}(\/|$)/.test(text));

/** A file and a folder of one name are two objects on S3, and one of them on a disk: there are none of these here. */
function planted(keys: readonly string[]): readonly string[] {
  const names = keys.filter((key) => !keys.some((other) => other.startsWith(`${key}/`)));
  return [...new Set(names)].map((name) => `lake/${name}`);
}

describe('a pattern', () => {
  it('means on a disk and on S3 what it means to fast-glob', async () => {
    let matched = 0;
    await fc.assert(
      fc.asyncProperty(tree, fc.array(pattern, { minLength: 1, maxLength: 6 }), async (keys, patterns) => {
        const root = mkdtempSync(join(tmpdir(), 'stepaside-glob-'));
        try {
          const names = planted(keys);
          plant(root, Object.fromEntries(names.map((name) => [name, 'x'])));
          const flat = memoryStore();
          for (const name of names) await flat.write(name, bytes('x'));
          for (const one of patterns) {
            const meant = meaning(one, names);
            matched += meant.length;
            expect(await matchesIn(fsStore({ root }), one), `${one} on disk`).toEqual(meant);
            expect(await matchesIn(flat, one), `${one} on S3`).toEqual(meant);
          }
        } finally {
          rmSync(root, { recursive: true });
        }
      }),
      { numRuns: 150 },
    );
    expect(matched).toBeGreaterThan(200);
  }, 120_000);

  it('means the same on a real S3 server', async () => {
    const s3 = inject('s3');
    const bucket = `glob-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const store = s3Store({ bucket, endpoint: s3.endpoint, region: s3.region, credentials: s3.credentials });
    const root = mkdtempSync(join(tmpdir(), 'stepaside-glob-'));
    try {
      const keys = fc
        .sample(tree, { numRuns: 40, seed: 7 })
        .flatMap((some, i) => some.map((key) => `${'ab'[i % 2]}${i % 5}/${key}`));
      const names = planted(keys);
      expect(names.length).toBeGreaterThan(100);
      plant(root, Object.fromEntries(names.map((name) => [name, 'x'])));
      await Promise.all(names.map((name) => store.write(name, bytes('x'))));
      let matched = 0;
      for (const one of fc
        .sample(pattern, { numRuns: 60, seed: 7 })
        .flatMap((text) => [text, `*/${text}`, `a?/${text}`])) {
        const meant = meaning(one, names);
        matched += meant.length;
        expect(await matchesIn(store, one), one).toEqual(meant);
      }
      expect(matched).toBeGreaterThan(100);
    } finally {
      rmSync(root, { recursive: true });
      await store.close();
    }
  }, 120_000);
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareUtf8 } from '../../src/core/utf8.js';
import { fsStore } from '../../src/drivers/fs.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { prefixed } from '../../src/store/prefix.js';
import type { Store } from '../../src/store/store.js';
import { scratch } from '../drivers/fs-rig.js';
import { bytes, collect, readAll } from './fakes.js';

const folder = scratch();

const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', 'ä', '🎉', '\uffff'), minLength: 1, maxLength: 5 });

describe('prefixed', () => {
  test('shows exactly the keys that begin so, by the rest of their names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(name), name, fc.option(name, { nil: undefined }), async (keys, prefix, after) => {
        const inner = memoryStore();
        for (const key of keys) await inner.write(key, bytes(key));
        const view = prefixed(inner, prefix);
        const wanted = [...new Set(keys)]
          .filter((key) => key.startsWith(prefix) && key.length > prefix.length)
          .map((key) => key.slice(prefix.length))
          .filter((key) => after === undefined || compareUtf8(key, after) > 0)
          .sort(compareUtf8);
        const listed = await collect(view.list('', { ...(after !== undefined && { after }) }));
        expect(listed.map((head) => head.key)).toEqual(wanted);
        for (const key of wanted) {
          expect((await view.head(key))?.key).toBe(key);
          expect((await view.read(key))?.head.key).toBe(key);
          expect(await readAll(view, key)).toBe(prefix + key);
        }
      }),
    );
  });

  test('two prefixes are one', async () => {
    await fc.assert(
      fc.asyncProperty(name, name, name, async (outer, inner, key) => {
        const memory = memoryStore();
        await prefixed(prefixed(memory, outer), inner).write(key, bytes('x'));
        expect((await collect(memory.list(''))).map((head) => head.key)).toEqual([outer + inner + key]);
        await prefixed(memory, outer + inner).remove(key);
        expect(await collect(memory.list(''))).toEqual([]);
      }),
    );
  });

  test('the empty key is refused, not taken for the folder', async () => {
    const view = prefixed(memoryStore(), 'folder/');
    await expect(view.write('', bytes('x'))).rejects.toMatchObject({ code: 'store/bad-key' });
    await expect(view.head('')).rejects.toMatchObject({ code: 'store/bad-key' });
  });

  test('abilities are handed on, in the view’s own names', async () => {
    const store: Store = {
      ...memoryStore(),
      abilities: {
        uploads: {
          async *openUploads(prefix) {
            yield { key: `${prefix}big`, startedAt: 1 };
          },
        },
      },
    };
    const view = prefixed(store, 'folder/');
    expect(await collect(view.abilities.uploads!.openUploads('x/'))).toEqual([{ key: 'x/big', startedAt: 1 }]);
    expect(prefixed(memoryStore(), 'folder/').abilities).toEqual({});
  });

  test('folders are those below the prefix, also where it ends within a name', async () => {
    const root = folder();
    for (const path of ['folder/x/y', 'folder/z', 'other', 'folder/xy'])
      mkdirSync(join(root, path), { recursive: true });
    const names = async (prefix: string, tree: string) =>
      (await prefixed(fsStore({ root }), prefix).abilities.folders!.folders(tree)).map(({ name }) => name).sort();
    expect(await names('folder/', '')).toEqual(['x', 'xy', 'z']);
    expect(await names('folder/', 'x/')).toEqual(['y']);
    expect(await names('fol', '')).toEqual(['der']);
    expect(await names('folder/x', '')).toEqual(['y']);
    expect(await names('folder/x', '/')).toEqual(['y']);
    expect(await names('none/', '')).toEqual([]);
  });

  test('names are those below the prefix, also where it ends within a name', async () => {
    const root = folder();
    mkdirSync(join(root, 'dir/x'), { recursive: true });
    for (const path of ['dir/x/file', 'dir/xylem', 'dir/zinc']) writeFileSync(join(root, path), '');
    const names = async (prefix: string, tree: string) =>
      [...(await prefixed(fsStore({ root }), prefix).abilities.folders!.names(tree))].sort();
    expect(await names('dir/', '')).toEqual(['xylem', 'zinc']);
    expect(await names('dir/', 'x/')).toEqual(['file']);
    expect(await names('dir/x', '')).toEqual(['ylem']);
    expect(await names('dir/x', '/')).toEqual(['file']);
    expect(await names('none/', '')).toEqual([]);
  });
});

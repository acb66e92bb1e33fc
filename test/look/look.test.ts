import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/core/error.js';
import type { Location } from '../../src/core/location.js';
import { POLICIES } from '../../src/core/policies.js';
import { memoryStore } from '../../src/drivers/memory.js';
import { askGlob, askOutput, askPresence, splitGlob } from '../../src/look/ask.js';
import type { Places } from '../../src/look/places.js';
import type { Store } from '../../src/store/store.js';
import { output } from './many-places.js';

const text = (s: string) => new TextEncoder().encode(s);

/** A memory store in place of S3: what is tested here is how looking asks and what it makes of the answers. */
async function lake(objects: Readonly<Record<string, string>>, change: (store: Store) => Partial<Store> = () => ({})) {
  const inner = memoryStore({ name: 's3://lake' });
  for (const [key, body] of Object.entries(objects)) await inner.write(key, text(body));
  const asked: string[] = [];
  const spy: Store = {
    name: inner.name,
    traits: { ...inner.traits, kind: 's3' },
    abilities: inner.abilities,
    head(key, o) {
      asked.push(`head ${key}`);
      return inner.head(key, o);
    },
    read(key, o) {
      asked.push(`read ${key}`);
      return inner.read(key, o);
    },
    list(prefix, o) {
      asked.push(`list ${prefix}`);
      return inner.list(prefix, o);
    },
    write: inner.write.bind(inner),
    remove: inner.remove.bind(inner),
    close: inner.close.bind(inner),
  };
  const store = { ...spy, ...change(spy) };
  const places: Places = {
    at: (l: Location) => ({
      store,
      key: l.kind === 's3' ? l.key : l.path,
      uri: `s3://lake/${l.kind === 's3' ? l.key : l.path}`,
    }),
  };
  return { places, asked };
}

const denied = () => {
  throw new StoreError('store/denied', 'denied', { store: 's3://lake' });
};

describe('looking', () => {
  it('asks once for an object, and no further than it must for a tree', async () => {
    const { places, asked } = await lake({ 'a/1': '', 'a/2': 'x', big: 'x'.repeat(100_000) });
    await askPresence(places, { path: 's3://lake/a/1' });
    await askPresence(places, { path: 's3://lake/big' });
    await askPresence(places, { path: 's3://lake/a/' });
    expect(asked).toEqual(['head a/1', 'head big', 'list a/']);
  });

  it('sees a marker in the listing of its tree, without another request if it is empty', async () => {
    const { places, asked } = await lake({ 't/_SUCCESS': '', 't/part-0': 'x' });
    const seen = await askOutput(places, output({ path: 's3://lake/t/', marker: '_SUCCESS' }), {
      policy: POLICIES['exists']!,
      folder: '/',
    });
    expect(seen.sighting.state).toBe('present');
    expect(seen.parts?.map(({ path }) => path)).toEqual(['part-0']);
    expect(asked).toEqual(['list t/']);
  });

  it('asks by name for all of it where listings may lag', async () => {
    const { places, asked } = await lake({ 't/part-0': 'x' }, (s) => ({ traits: { ...s.traits, strongList: false } }));
    await askOutput(places, output({ path: 's3://lake/t/', marker: '_SUCCESS' }), {
      policy: POLICIES['exists']!,
      folder: '/',
    });
    expect(asked).toEqual(['list t/', 'head t/part-0', 'read t/_SUCCESS']);
  });

  it('takes a denied marker for a doubt, not for an absence', async () => {
    const { places } = await lake({ 't/_SUCCESS': '' }, () => ({ read: denied }));
    expect((await askPresence(places, { path: 's3://lake/t/', marker: '_SUCCESS' })).state).toBe('unknown');
  });

  it('takes a listing that breaks off for a doubt, whatever it showed before', async () => {
    const { places } = await lake({ 't/part-0': 'x', 't/part-1': 'x' }, (s) => ({
      async *list(prefix) {
        for await (const head of s.list(prefix)) {
          yield head;
          denied();
        }
      },
    }));
    const seen = await askOutput(places, output({ path: 's3://lake/t/', atomic: true }), {
      policy: POLICIES['exists']!,
      folder: '/',
    });
    expect(seen.sighting.state).toBe('unknown');
    expect(seen.parts).toBeUndefined();
  });

  it('takes open uploads for a writer at work, and is not upset when it may not list them', async () => {
    const now = Date.now();
    const uploads = {
      openUploads: async function* () {
        yield { key: 't/part-1', startedAt: now + 60_000 };
      },
    };
    const busy = await lake({ 't/part-0': 'x' }, () => ({ abilities: { uploads } }));
    const ask = { policy: POLICIES['exists']!, folder: '/' };
    expect((await askOutput(busy.places, output({ path: 's3://lake/t/', atomic: true }), ask)).sighting).toMatchObject({
      state: 'partial',
      inProgress: expect.stringContaining('t/part-1'),
    });
    const silent = await lake({ 't/part-0': 'x' }, () => ({
      abilities: {
        uploads: {
          openUploads: () => ({ [Symbol.asyncIterator]: denied }),
        },
      },
    }));
    expect((await askOutput(silent.places, output({ path: 's3://lake/t/', atomic: true }), ask)).sighting.state).toBe(
      'present',
    );
  });

  it('does not judge a marker that must carry a key before the key is known', async () => {
    const { places, asked } = await lake({ 't/_stepaside.json': '{}' });
    const seen = await askOutput(places, output({ path: 's3://lake/t/', match: 'stepaside' }), {
      policy: POLICIES['key']!,
      folder: '/',
    });
    expect(seen.sighting).toMatchObject({ state: 'unknown', doubt: { code: 'key/pending' } });
    expect(asked).toEqual([]);
  });

  it('lists for a glob only what its literal beginning allows, and stops when it has enough', async () => {
    const { places, asked } = await lake({ 'm/dt=1/a.csv': 'x', 'm/dt=2/a.csv': 'x', 'm/zz/a.csv': 'x' });
    expect(
      (await askGlob(places, { kind: 's3', bucket: 'lake', key: 'm/' }, { pattern: 'dt=*/*.csv', min: 2 })).state,
    ).toBe('present');
    expect(asked).toEqual(['list m/dt=']);
  });

  it.each([
    ['s3://lake/raw/dt=*/x', 's3://lake/raw/', 'dt=*/x'],
    ['s3://lake/*.csv', 's3://lake/', '*.csv'],
    ['out/**/x', 'out/', '**/x'],
    ['*.csv', './', '*.csv'],
    ['/mnt/{a,b}/x', '/mnt/', '{a,b}/x'],
    ['s3://lake/a/b', 's3://lake/a/', 'b'],
  ])('%s is asked below %s', (glob, tree, pattern) => expect(splitGlob(glob)).toEqual({ tree, pattern }));
});

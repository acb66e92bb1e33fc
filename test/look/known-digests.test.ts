import { chmodSync, readFileSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { blake3 } from '../../src/hash.js';
import { fingerprintFiles, fingerprintPlace } from '../../src/look/inputs.js';
import { KnownDigests } from '../../src/look/known-digests.js';
import { openPlaces } from '../../src/preset.js';
import { folderWith } from '../rig/cli.js';

const hash = blake3();
const SIZE = 300_000;
const text = (letter: string) => letter.repeat(SIZE);

afterEach(() => void vi.useRealTimers());

/** As if what is there had been there for a while. */
function later(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 });
}

function folder() {
  const at = folderWith({ 'in/large': text('a'), 'in/small': 'small' });
  const places = openPlaces({ config: { stores: {} }, folder: at });
  const open = (believed = true, boot = 'this boot') => new KnownDigests(join(at, 'digests'), { hash, boot, believed });
  /** By file and by place, in that order. */
  const read = async (known?: KnownDigests) => {
    const reading = { places, hash, ...(known && { known }) };
    const files = await fingerprintFiles(['in/*'], { folder: at, ...reading });
    const place = await fingerprintPlace(`${at}/in/`, reading);
    if (files.seen !== 'there' || place.seen !== 'there') throw new Error('it is there');
    return [...files.value.values(), place.value];
  };
  /** Read once, and what was read put down. */
  const readBefore = async () => {
    later();
    const known = open();
    await read(known);
    known.save();
    vi.useRealTimers();
  };
  return { at, open, read, readBefore, large: join(at, 'in/large') };
}

it('a large input that has not changed is not read again; a small one is, and another boot knows nothing', async () => {
  const { at, open, read, readBefore, large } = folder();
  await readBefore();
  // What is put down is what is told: nobody reads the file.
  const path = join(at, 'digests');
  const [line] = readFileSync(path, 'utf8').split('\n');
  const right = hash.digest(Buffer.from(text('a')));
  const wrong = hash.digest(Buffer.from('something else'));
  expect(line!.split(right)).toHaveLength(2);
  const forged = line!.replaceAll(right, wrong);
  writeFileSync(path, `${forged}\n${hash.digest(Buffer.from(forged))}\n`);
  const small = hash.digest(Buffer.from('small'));
  const told = await read(open());
  expect(told.slice(0, 2)).toEqual([wrong, small]);
  const plain = await read();
  expect(told[2]).not.toBe(plain[2]);
  expect(await read(open(true, 'another boot'))).toEqual(plain);
  expect(await read(open(false))).toEqual(plain);
  // A line without its digest, a cut one and none at all say nothing.
  for (const bad of [`${forged}\n`, forged.slice(0, 80), '', '{}\n']) {
    writeFileSync(path, bad);
    expect(await read(open())).toEqual(plain);
  }
  expect(statSync(large).size).toBe(SIZE);
});

it('says what reading says, whatever was done to the file', async () => {
  const { at, open, read, readBefore, large } = folder();
  const { atime, mtime } = statSync(large);
  const edits: Record<string, () => void> = {
    nothing: () => {},
    'other words of that length': () => writeFileSync(large, text('b')),
    'the same, with the old date': () => {
      writeFileSync(large, text('c'));
      utimesSync(large, atime, mtime);
    },
    'another file in its place, of that length and date': () => {
      writeFileSync(join(at, 'other'), text('d'));
      utimesSync(join(at, 'other'), atime, mtime);
      renameSync(join(at, 'other'), large);
    },
    'cut and filled up': () => {
      truncateSync(large, 10);
      truncateSync(large, SIZE);
      utimesSync(large, atime, mtime);
    },
    'other rights': () => chmodSync(large, 0o600),
  };
  for (const [what, edit] of Object.entries(edits)) {
    await readBefore();
    edit();
    const known = open();
    expect(await read(known), what).toEqual(await read());
  }
});

it('what was changed just before it was read may change again under that date: it is not put down', async () => {
  const { open, read, large } = folder();
  const known = open();
  await read(known);
  expect(known.isNew).toBe(false);
  later();
  writeFileSync(large, text('b'));
  await read(known);
  // The clock of the test runs ahead of the disk's: now it was long ago.
  expect(known.isNew).toBe(true);
});

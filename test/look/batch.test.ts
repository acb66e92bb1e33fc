import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICIES } from '../../src/core/policies.js';
import type { Output } from '../../src/core/step.js';
import { askGlob, askOutput, askPath, askPresence } from '../../src/look/ask.js';
import { gathering } from '../../src/look/gather.js';
import type { Places } from '../../src/look/places.js';
import { type Lake, lakeOf, output } from './many-places.js';

const ROOT = 's3://lake/';
const CLAIM = JSON.stringify({ v: 1, key: 'k', attempt: 1, state: 'running' });
const OURS = JSON.stringify({ v: 1, key: 'k', attempt: 1, state: 'complete' });
const FAILED = JSON.stringify({ success: false });

type Question = (places: Places) => Promise<unknown>;

const segment = fc.constantFrom('a', 'b', 'a-b', 'dt=1', 'dt=2', 'é', '\u{1f600}', '\uff5e');
const leaf = fc.constantFrom(
  ...['part-0', 'part-1', 'x', '_SUCCESS', '_stepaside.json', '.hidden', '_temporary/0/p', '__magic/p'],
  ...['.spark-staging-1/p', 'x_$folder$', ''],
);
const folder = fc.array(segment, { maxLength: 3 }).map((segments) => segments.map((s) => `${s}/`).join(''));
const key = fc.tuple(folder, leaf).map(([a, b]) => a + b || 'x');
const body = fc.constantFrom('', '', 'data', CLAIM, OURS, FAILED, '{"v":1,', 'k\n', '\uFEFF{}');

const object = key
  .filter((name) => !name.endsWith('/'))
  .map((name) => asking(`object ${name}`, (p) => askPath(p, ROOT + name, {})));
const question: fc.Arbitrary<readonly [string, Question]> = fc.oneof(
  object,
  key
    .filter((name) => !name.endsWith('/'))
    .map((name) => asking(`key of ${name}`, (p) => askPath(p, ROOT + name, { want: { match: 'key', key: 'k' } }))),
  folder.map((name) => asking(`tree ${name}`, (p) => askPresence(p, { path: ROOT + name }))),
  folder.map((name) => asking(`marked ${name}`, (p) => askPresence(p, { path: ROOT + name, marker: '_SUCCESS' }))),
  fc
    .tuple(
      folder,
      fc.constantFrom('*', '**', '*/*', 'dt=*/**/*', '{a,b}/x', '**/x', '?*/part-[01]'),
      fc.integer({ min: 1, max: 4 }),
    )
    .map(([name, pattern, min]) =>
      asking(`glob ${name} ${pattern} ${min}`, (p) =>
        askGlob(p, { kind: 's3', bucket: 'lake', key: name }, { pattern, min }),
      ),
    ),
  fc
    .tuple(
      folder,
      fc.constantFrom<Partial<Output>>(
        {},
        { marker: '_SUCCESS' },
        { match: 'stepaside' },
        { atomic: true },
        { min: 2, minBytes: 3 },
      ),
    )
    .map(([name, more]) =>
      asking(`output ${name} ${JSON.stringify(more)}`, (p) =>
        askOutput(p, output({ path: ROOT + name, ...more }), { policy: POLICIES['parts']!, key: 'k', folder: '/' }),
      ),
    ),
  key
    .filter((name) => !name.endsWith('/'))
    .map((name) =>
      asking(`output object ${name}`, (p) =>
        askOutput(p, output({ path: ROOT + name }), { policy: POLICIES['parts']!, folder: '/' }),
      ),
    ),
);

function asking(name: string, ask: Question): readonly [string, Question] {
  return [name, ask];
}

const lake: fc.Arbitrary<Lake> = fc
  .record({
    objects: fc.dictionary(key, body, { maxKeys: 40 }),
    ordered: fc.boolean(),
    untagged: fc.boolean(),
    listable: fc.option(fc.constantFrom('a', 'a/', 'dt=', 'b/'), { nil: undefined, freq: 6 }),
    poison: fc.option(key, { nil: undefined, freq: 6 }),
    uploads: fc.array(key, { maxLength: 3 }),
    strong: fc.constantFrom(true, true, true, false),
  })
  .map(({ listable, poison, ...rest }) => ({
    ...rest,
    ...(listable !== undefined && { listable }),
    ...(poison !== undefined && { poison }),
  }));

/** What the batch says that the one-by-one look does not: nothing, or the first that differs. */
async function difference(
  of: Lake,
  questions: readonly (readonly [string, Question])[],
  page: number,
  breakEven: number,
) {
  const { places } = await lakeOf(of);
  const together = gathering(places, { page, breakEven });
  const batch = await Promise.all(questions.map(([, ask]) => ask(together)));
  for (const [index, [name, ask]] of questions.entries()) {
    const alone = await ask(places);
    if (JSON.stringify(alone) !== JSON.stringify(batch[index])) return { name, alone, batch: batch[index] };
  }
  return undefined;
}

describe('many looks together', () => {
  it('see what each sees alone, whatever lies there and whatever the store refuses', async () => {
    await fc.assert(
      fc.asyncProperty(
        lake,
        fc.array(question, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 40 }),
        async (of, questions, page, breakEven) => {
          expect(await difference(of, questions, page, breakEven)).toBeUndefined();
        },
      ),
      { numRuns: Number(process.env['STEPASIDE_LOOKS'] ?? 600) },
    );
  });

  it('and so do names alone, which are listed side by side in the hope that there is an order', async () => {
    await fc.assert(
      fc.asyncProperty(
        lake,
        fc.array(object, { maxLength: 4 }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 0, max: 2 }),
        async (of, others, page, breakEven) => {
          const there = Object.keys(of.objects).filter((name) => !name.endsWith('/'));
          const questions = there.map((name) => asking(`object ${name}`, (p) => askPath(p, ROOT + name, {})));
          expect(
            await difference({ ...of, ordered: false }, [...questions, ...others], page, breakEven),
          ).toBeUndefined();
        },
      ),
      { numRuns: Number(process.env['STEPASIDE_LOOKS'] ?? 400) },
    );
  });
});
